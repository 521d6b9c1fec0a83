"""Which form is taken, what is said where there is none, and each form that this processor runs, as a whole."""

from __future__ import annotations

import json
import logging
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from musicgen_api.engine import Engine
from musicgen_api.engine.cpu import forms
from musicgen_api.engine.cpu.forms import FORMS, FormMissing, choose, runnable
from musicgen_api.settings import STEP_FORMS
from tests.engine.random_models import an_architecture, logits_along, random_weights, some_conditions, some_steps

X86 = frozenset({"sse4.1", "ssse3", "avx2", "fma"})


def processor(monkeypatch: pytest.MonkeyPatch, machine: str, features: frozenset[str]) -> None:
    """Pretend to be on another one."""
    monkeypatch.setattr(forms, "machine", lambda: machine)
    monkeypatch.setattr(forms, "processor_features", lambda: features)
    monkeypatch.setattr(forms, "runnable", forms.runnable.__wrapped__)


def run_alone(form: str, **environment: str) -> tuple[dict[str, Any], str]:
    command = [sys.executable, "-m", "tests.engine.cpu.one_form", form]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | environment)
    return json.loads(finished.stdout.splitlines()[-1]), finished.stderr


@pytest.mark.parametrize("form", runnable(), ids=lambda form: form.name)
def test_every_form_that_runs_here_equals_fp32(form: forms.Form) -> None:
    found, _ = run_alone(form.name)
    assert found["form"] == form.name
    assert found["error"] < 0.02


def test_a_step_is_compiled_where_nothing_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = {"NUMBA_CACHE_DIR": str(tmp_path / "file" / "folder")}
    found, _ = run_alone("auto", NUMBA_CACHE_LOCATOR_CLASSES="numba.core.caching.UserProvidedCacheLocator", **nowhere)
    assert found["form"] == runnable()[0].name
    assert found["error"] < 0.02


def test_the_settings_know_every_form() -> None:
    assert tuple(form.name for form in FORMS) == STEP_FORMS


def test_no_two_forms_are_one_to_the_compiler() -> None:
    assert len({form.features for form in FORMS}) == len(FORMS)


@pytest.mark.parametrize(
    ("machine", "features", "best"),
    [
        ("x86_64", X86 | {"avx512bw", "avx512vl", "avx512vnni", "avxvnni"}, "avx512-vnni"),
        ("x86_64", X86 | {"avxvnni"}, "avx-vnni"),
        ("x86_64", X86 | {"avx512bw", "avx512vl"}, "avx512"),
        ("x86_64", X86, "avx2"),
        ("x86_64", X86 - {"fma"}, "sse4.1"),
        ("aarch64", frozenset({"dotprod"}), "neon-dotprod"),
        ("aarch64", frozenset(), "neon"),
    ],
)
def test_the_best_form_of_a_processor_is_taken(
    machine: str, features: frozenset[str], best: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor(monkeypatch, machine, features)
    assert choose("auto").name == best
    assert choose(best).name == best


@pytest.mark.parametrize(
    ("machine", "features", "wanted", "sentence"),
    [
        ("riscv64", frozenset(), "auto", "no form for this processor (riscv64)"),
        ("x86_64", frozenset({"ssse3"}), "auto", "no form for this processor"),
        ("x86_64", X86, "avx512", "cannot run its form avx512, only avx2, sse4.1"),
        ("aarch64", frozenset(), "avx2", "cannot run its form avx2, only neon"),
    ],
)
def test_a_form_that_the_processor_lacks_is_told_and_torch_decodes(
    machine: str,
    features: frozenset[str],
    wanted: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    processor(monkeypatch, machine, features)
    with pytest.raises(FormMissing):
        choose(wanted)
    assert_torch_decodes(wanted, sentence, caplog)


def test_a_lower_form_comes_too_late_once_a_process_compiles(caplog: pytest.LogCaptureFixture) -> None:
    forms.use(runnable()[0])
    if len(runnable()) == 1:
        pytest.skip("this processor has one form")
    assert_torch_decodes(runnable()[-1].name, "comes too late", caplog)


def assert_torch_decodes(wanted: str, sentence: str, caplog: pytest.LogCaptureFixture) -> None:
    architecture = an_architecture(64, layers=1)
    with caplog.at_level(logging.WARNING):
        decoder = Engine(architecture, random_weights(architecture), step=wanted)
    assert decoder.form is None
    assert "torch's operations decode" in caplog.text
    assert sentence in caplog.text
    logits = logits_along(decoder, some_conditions(architecture, 1), some_steps(architecture, 1, 5))
    assert bool(logits.isfinite().all())


def test_off_takes_torch_s_operations_without_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    architecture = an_architecture(64, layers=1)
    assert Engine(architecture, random_weights(architecture), step="off").form is None
    assert not caplog.records


def test_arm_processors_are_asked_for_what_llvm_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "machine", lambda: "aarch64")
    for system, capabilities, there in (("Linux", 0x119FFF, True), ("Linux", 0xFF, False), ("Darwin", 0, True)):
        monkeypatch.setattr(platform, "system", lambda system=system: system)
        monkeypatch.setattr(forms, "_hardware_capabilities", lambda bits=capabilities: bits)
        assert ("dotprod" in forms.processor_features.__wrapped__()) == there
