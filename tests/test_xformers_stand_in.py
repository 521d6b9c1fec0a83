"""AudioCraft's models with the stand-in for xFormers: they compute what they compute without any mask class."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from audiocraft.models.lm import LMModel
from audiocraft.modules import transformer
from torch import Tensor

from musicgen_api import xformers_stand_in
from tests.helpers.fakes import ROOT
from tests.helpers.language_models import CARD, songs, tiny_lm

DOORS = ["musicgen_api", "benchmarks", "training", "tests"]
"""The packages whose modules import AudioCraft."""


@pytest.fixture(params=["torch", "xformers"])
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Let AudioCraft attend with each of its backends: MusicGen uses the first, MAGNeT the second."""
    transformer.set_efficient_attention_backend(request.param)
    yield request.param
    transformer.set_efficient_attention_backend("torch")


def some_codes(steps: int) -> Tensor:
    return torch.randint(CARD, (2, 4, steps), generator=torch.Generator().manual_seed(3))


def logits_of(lm: LMModel, codes: Tensor) -> Tensor:
    """[B, K, S, card]"""
    with torch.no_grad():
        return lm(codes, songs("a", "bcd"))


@pytest.mark.parametrize("positions", ["sin", "rope"])
def test_a_memory_efficient_model_gives_the_logits_of_one_that_is_not(backend: str, positions: str) -> None:
    efficient = tiny_lm(memory_efficient=True, positional_embedding=positions)
    plain = tiny_lm(memory_efficient=False, custom=True, positional_embedding=positions)
    plain.load_state_dict(efficient.state_dict())
    codes = some_codes(12)
    torch.testing.assert_close(logits_of(efficient, codes), logits_of(plain, codes), rtol=1e-4, atol=1e-4)


def test_a_step_sees_no_later_step(backend: str) -> None:
    lm, codes = tiny_lm(memory_efficient=True), some_codes(12)
    changed = codes.clone()
    changed[..., 7] = (changed[..., 7] + 1) % CARD
    before, after = logits_of(lm, codes), logits_of(lm, changed)
    assert torch.equal(before[:, :, :7], after[:, :, :7])
    assert all((before[:, :, step] != after[:, :, step]).any() for step in range(7, 12))


def test_gradients_pass_as_in_a_model_that_is_not_memory_efficient() -> None:
    efficient = tiny_lm(memory_efficient=True).requires_grad_()
    plain = tiny_lm(memory_efficient=False, custom=True).requires_grad_()
    plain.load_state_dict(efficient.state_dict())
    for lm in (efficient, plain):
        lm(some_codes(12), songs("a", "bcd")).square().mean().backward()
    of_plain = dict(plain.named_parameters())
    for name, parameter in efficient.named_parameters():
        torch.testing.assert_close(parameter.grad, of_plain[name].grad, rtol=1e-3, atol=1e-4)


def test_numbers_may_be_added_to_the_scores_as_magnet_does() -> None:
    generator = torch.Generator().manual_seed(5)
    query, key, value = torch.randn(3, 2, 6, 4, 8, generator=generator)
    bias = torch.randn(2, 4, 6, 6, generator=generator)
    scores = torch.einsum("bthd,bkhd->bhtk", query, key) / 8**0.5 + bias
    expected = torch.einsum("bhtk,bkhd->bthd", scores.softmax(-1), value)
    torch.testing.assert_close(xformers_stand_in.memory_efficient_attention(query, key, value, bias), expected)


def test_no_part_of_a_real_xformers_is_imported_whether_or_not_one_is_installed() -> None:
    assert transformer.ops is xformers_stand_in
    assert {name for name in sys.modules if name.split(".")[0] == "xformers"} == {"xformers", "xformers.ops"}


@pytest.mark.parametrize("door", DOORS)
def test_whoever_imports_audiocraft_has_registered_the_stand_in_before(door: str) -> None:
    program = (
        f"import sys, {door}; from xformers.ops import LowerTriangularMask\n"
        "assert LowerTriangularMask.__module__ == 'musicgen_api.xformers_stand_in'\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)


def test_audiocraft_is_imported_in_those_packages_only() -> None:
    folders = [folder for folder in ROOT.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
    packages = {folder.name for folder in folders if any(map(imports_audiocraft, folder.rglob("*.py")))}
    assert packages == set(DOORS)


def imports_audiocraft(file: Path) -> bool:
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return any(module.split(".")[0] == "audiocraft" for module in modules)
