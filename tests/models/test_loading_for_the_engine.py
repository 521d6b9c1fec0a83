"""Loading for the engine: the same music as AudioCraft's own loader and decoding, and AudioCraft where it must be."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from musicgen_api.domain.errors import ModelDamaged, ModelError
from musicgen_api.domain.request import Backend
from musicgen_api.models.engine_weights import choose_precision
from musicgen_api.models.loaded_model import LoadedModel
from musicgen_api.models.loading import BackendChoice, load_musicgen
from tests.conftest import Checkpoints
from tests.helpers import checkpoints as builders
from tests.helpers.fakes import RecordingMonitor
from tests.helpers.pieces import TEXT, audio_of

CPU = torch.device("cpu")


def load(folder: Path, **choice: Any) -> LoadedModel:
    return load_musicgen("test/model", str(folder), CPU, RecordingMonitor(), BackendChoice(**choice))


def audio_of_audiocraft(folder: Path, duration: float) -> torch.Tensor:
    model = builders.load_musicgen(folder)
    model.set_generation_params(duration=duration, top_k=30)
    torch.manual_seed(5)
    return model.generate([TEXT])


@pytest.mark.parametrize("engine", ["engine", "audiocraft"])
@pytest.mark.parametrize("variant", ["mono", "stereo", "melody"])
def test_the_audio_equals_that_of_audiocraft_s_own_loader_and_decoding(
    checkpoints: Checkpoints, variant: str, engine: str
) -> None:
    folder = getattr(checkpoints, variant)
    expected = audio_of_audiocraft(folder, 2)
    model = load(folder, engine=engine, precision="fp32")
    assert model.backend == Backend(engine, "fp32")
    assert torch.equal(audio_of(model, 2, seed=5, top_k=30), expected)


def test_without_a_setting_a_narrow_model_is_exact_and_the_engine_s(checkpoints: Checkpoints) -> None:
    assert load(checkpoints.mono).backend == Backend("engine", "fp32")


def test_a_model_that_the_engine_cannot_decode_is_audiocraft_s_and_the_log_says_why(
    checkpoints: Checkpoints, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = with_changed_config(checkpoints.mono, tmp_path, "norm_first: true", "norm_first: false", drop="out_norm.")
    with caplog.at_level(logging.INFO, logger="musicgen_api"):
        model = load(folder)
    assert "normalises after its layers" in caplog.text
    assert model.backend.engine == "audiocraft"
    assert torch.equal(audio_of(model, 1, seed=5, top_k=30), audio_of_audiocraft(folder, 1))
    with pytest.raises(ModelError, match="normalises after its layers"):
        load(folder, engine="engine")


@pytest.mark.parametrize("engine", ["engine", "audiocraft"])
def test_weights_that_do_not_fit_are_a_damaged_model(checkpoints: Checkpoints, tmp_path: Path, engine: str) -> None:
    folder = with_changed_config(checkpoints.mono, tmp_path, "num_layers: 2", "num_layers: 3")
    with pytest.raises(ModelDamaged, match=r"num_layers .* is 3; it must be 2"):
        load(folder, engine=engine)


def with_changed_config(folder: Path, target: Path, old: str, new: str, drop: str = " ") -> Path:
    """Copy a checkpoint with one line of its language model's configuration changed and some weights left out."""
    package = torch.load(folder / "state_dict.bin", weights_only=True)
    assert old in package["xp.cfg"]
    package["xp.cfg"] = package["xp.cfg"].replace(old, new)
    package["best_state"] = {
        name: tensor for name, tensor in package["best_state"].items() if not name.startswith(drop)
    }
    torch.save(package, target / "state_dict.bin")
    for name in ("compression_state_dict.bin", "t5"):
        (target / name).symlink_to(folder / name)
    return target


def test_the_engine_s_model_holds_no_second_copy_of_its_weights(checkpoints: Checkpoints) -> None:
    model = load(checkpoints.mono, precision="int8")
    assert model.engine is not None
    held = [name for name, parameter in model.lm.named_parameters() if not parameter.is_meta]
    assert held
    assert all(name.startswith("condition_provider.") for name in held)


@pytest.mark.parametrize(
    ("wanted", "width", "device", "chosen"),
    [
        ("auto", 64, "cpu", "fp32"),
        ("auto", 1024, "cpu", "int8"),
        ("auto", 1024, "cuda", "fp16"),
        ("bf16", 64, "cpu", "bf16"),
        ("fp32", 1024, "cuda", "fp32"),
        ("int8", 64, "cpu", "int8"),
        ("fp16", 1024, "cpu", "int8"),
        ("int8", 1024, "cuda", "fp16"),
    ],
)
def test_the_precision_is_what_was_asked_for_or_the_best_of_the_device(
    wanted: str, width: int, device: str, chosen: str
) -> None:
    assert choose_precision(wanted, width, torch.device(device)) == chosen
