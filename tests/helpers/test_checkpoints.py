"""The tiny checkpoints are what AudioCraft's loaders read, and what the published ones look like."""

from __future__ import annotations

import collections
import typing
from pathlib import Path

import omegaconf
import pytest
import torch

from tests.conftest import Checkpoints
from tests.helpers import checkpoints as builders


@pytest.mark.parametrize(("variant", "codebooks", "channels"), [("mono", 4, 1), ("stereo", 8, 2), ("melody", 4, 1)])
def test_audiocraft_loads_it_and_makes_two_seconds(
    checkpoints: Checkpoints, variant: str, codebooks: int, channels: int
) -> None:
    model = builders.load_musicgen(getattr(checkpoints, variant))
    model.set_generation_params(duration=2, top_k=50)
    wave, codes = model.generate(["slow sad piano"], return_tokens=True)
    assert codes.shape == (1, codebooks, 100)
    assert wave.shape == (1, channels, 64_000)
    assert 1e-3 < wave.std() < 1


def test_the_prompt_changes_the_music_and_the_seed_repeats_it(checkpoints: Checkpoints) -> None:
    model = builders.load_musicgen(checkpoints.mono)
    model.set_generation_params(duration=1, top_k=50)
    codes = []
    for prompt in ["slow sad piano", "slow sad piano", "upbeat techno"]:
        torch.manual_seed(1)
        codes.append(model.generate([prompt], return_tokens=True)[1])
    assert torch.equal(codes[0], codes[1])
    assert not torch.equal(codes[0], codes[2])


def test_melody_and_text_stand_before_the_music_in_the_melody_variant(checkpoints: Checkpoints) -> None:
    model = builders.load_musicgen(checkpoints.melody)
    assert set(model.lm.condition_provider.conditioners) == {"self_wav", "description"}
    assert model.lm.fuser.fuse2cond["prepend"] == ["self_wav", "description"]


def test_a_seed_makes_the_same_weights_again_and_leaves_the_random_state_alone(tmp_path: Path) -> None:
    state = torch.random.get_rng_state()
    states = [
        torch.load(builders.build_musicgen(tmp_path / name, seed=seed) / file, weights_only=True)["best_state"]
        for name, seed in [("first", 3), ("again", 3), ("other", 4)]
        for file in ["state_dict.bin"]
    ]
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not all(torch.equal(states[0][name], states[2][name]) for name in states[0])


def test_the_hub_s_text_encoder_is_as_wide_as_audiocraft_takes_for_granted(tmp_path: Path) -> None:
    folder = builders.build_musicgen(tmp_path / "model", text_encoder="t5-base")
    package = torch.load(folder / "state_dict.bin", weights_only=True)
    assert "name: t5-base" in package["xp.cfg"]
    assert not (folder / "t5").exists()
    weight = package["best_state"]["condition_provider.conditioners.description.output_proj.weight"]
    assert weight.shape == (32, 768)


def test_diffusion_makes_a_wave_of_the_codec_s_length(checkpoints: Checkpoints) -> None:
    model = builders.load_musicgen(checkpoints.mono)
    diffusion = builders.load_diffusion(checkpoints.diffusion, model)
    calls = []
    for process in diffusion.DPs:
        process.model.register_forward_pre_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        wave = diffusion.tokens_to_wav(torch.zeros(1, 4, 50, dtype=torch.long))
    assert wave.shape == (1, 1, 32_000)
    assert torch.isfinite(wave).all()
    assert len(calls) == 4 * 20


def test_the_diffusion_file_holds_only_tensors_and_omegaconf_s_classes(
    checkpoints: Checkpoints,
) -> None:
    allowed = [
        collections.defaultdict,
        dict,
        typing.Any,
        omegaconf.DictConfig,
        omegaconf.base.ContainerMetadata,
        omegaconf.base.Metadata,
        omegaconf.nodes.AnyNode,
    ]
    with torch.serialization.safe_globals(allowed):
        package = torch.load(checkpoints.diffusion, weights_only=True)
    assert package["n_bands"] == 4
    assert isinstance(package[0]["cfg"], omegaconf.DictConfig)
    assert not package[0]["processor_state"]
    assert (package[3]["processor_state"]["sum_x2"] > 0).all()
