"""Checkpoints become models; what is no checkpoint, or a broken one, says so."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import demucs.pretrained
import pytest
import torch
from omegaconf import OmegaConf

from musicgen_api.errors import ModelDamaged, ModelError, ModelNotFound
from musicgen_api.synthesis.catalog import BUNDLED_FOLDER, BUNDLED_ID
from musicgen_api.synthesis.loading import load_musicgen
from tests import checkpoint_configs
from tests.checkpoints import build_musicgen
from tests.conftest import Checkpoints
from tests.fakes import RecordingMonitor

CPU = torch.device("cpu")


def load(folder: Path | str) -> Any:
    return load_musicgen("test/model", str(folder), CPU, RecordingMonitor())


@pytest.mark.parametrize(("variant", "codebooks", "channels"), [("mono", 4, 1), ("stereo", 8, 2), ("melody", 4, 1)])
def test_each_variant_is_loaded_for_text_alone(
    checkpoints: Checkpoints, variant: str, codebooks: int, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(*arguments: object, **options: object) -> None:
        raise AssertionError("text-to-music needs no stem separation")

    monkeypatch.setattr(demucs.pretrained, "get_model", download)
    model = load(getattr(checkpoints, variant))
    assert (model.lm.num_codebooks, model.audio_channels, model.sample_rate) == (codebooks, channels, 32_000)
    assert not model.lm.training
    assert not getattr(model.compression_model, "model", model.compression_model).training
    model.set_generation_params(duration=1, top_k=50)
    assert model.generate(["slow sad piano"]).shape == (1, channels, 32_000)


def test_the_model_is_the_one_that_audiocraft_s_own_loader_makes(checkpoints: Checkpoints) -> None:
    from tests.checkpoints import load_musicgen as load_by_audiocraft

    tokens = []
    for model in (load(checkpoints.mono), load_by_audiocraft(checkpoints.mono)):
        model.set_generation_params(duration=1, top_k=50)
        torch.manual_seed(3)
        tokens.append(model.generate(["slow sad piano"], return_tokens=True)[1])
    assert torch.equal(*tokens)


def test_the_bundled_model_loads() -> None:
    model = load_musicgen(BUNDLED_ID, str(BUNDLED_FOLDER), CPU, RecordingMonitor())
    assert (model.name, model.sample_rate, model.audio_channels) == (BUNDLED_ID, 32_000, 1)


def test_guidance_and_sampling_are_in_fp32_whatever_the_weights_are(checkpoints: Checkpoints) -> None:
    lm = load(checkpoints.mono).lm.half()
    conditions = lm.condition_provider(lm.condition_provider.tokenize([]))
    lm.forward = lambda *arguments, **values: torch.zeros(1, 4, 1, 64, dtype=torch.float16)
    assert lm(torch.zeros(1, 4, 1, dtype=torch.long), [], conditions).dtype == torch.float32


LM, CODEC = "state_dict.bin", "compression_state_dict.bin"
Damage = Callable[[Path], None]


def rewritten(name: str, change: Callable[[dict[str, Any]], Any]) -> Damage:
    """Save what `change` makes of the package (or returns instead of it)."""

    def damage(folder: Path) -> None:
        package = torch.load(folder / name, weights_only=True)
        torch.save(change(package) or package, folder / name)

    return damage


def reconfigured(name: str, **values: Any) -> Damage:
    """Change values of the configuration, given by their dotted keys with `__` for a dot."""

    def change(package: dict[str, Any]) -> None:
        config = OmegaConf.create(package["xp.cfg"])
        for key, value in values.items():
            OmegaConf.update(config, key.replace("__", "."), value)
        package["xp.cfg"] = OmegaConf.to_yaml(config)

    return rewritten(name, change)


def replaced(name: str, content: bytes) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return damage


def cut(name: str) -> Damage:
    def damage(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return damage


def exchanged(folder: Path) -> None:
    """Each file under the other's name."""
    (folder / LM).rename(folder / "other")
    (folder / CODEC).rename(folder / LM)
    (folder / "other").rename(folder / CODEC)


DAMAGES: dict[str, Damage] = {
    "an empty file": replaced(LM, b""),
    "garbage": replaced(LM, b"no checkpoint at all"),
    "half a file": cut(LM),
    "a list": rewritten(LM, lambda package: [1, 2]),
    "no weights": rewritten(LM, lambda package: {"xp.cfg": package["xp.cfg"]}),
    "no configuration": rewritten(LM, lambda package: {"best_state": package["best_state"]}),
    "a configuration that is no YAML": rewritten(LM, lambda package: package | {"xp.cfg": "{a: ["}),
    "an empty configuration": rewritten(LM, lambda package: package | {"xp.cfg": ""}),
    "a configuration of something else": rewritten(LM, lambda package: package | {"xp.cfg": "solver: audiogen"}),
    "an unknown kind of language model": reconfigured(LM, lm_model="diffusion"),
    "another width": reconfigured(LM, transformer_lm__dim=64),
    "more layers": reconfigured(LM, transformer_lm__num_layers=3),
    "a weight is missing": rewritten(LM, lambda package: package["best_state"].popitem() and None),
    "weights are no tensors": rewritten(LM, lambda package: package | {"best_state": "none"}),
    "exchanged files": exchanged,
    "an empty codec": replaced(CODEC, b""),
    "half a codec": cut(CODEC),
    "a codec without weights": rewritten(CODEC, lambda package: {"xp.cfg": package["xp.cfg"]}),
    "a codec of other codebooks": reconfigured(CODEC, rvq__bins=32),
    "no configuration of the text encoder": lambda folder: (folder / "t5" / "config.json").unlink(),
    "a broken configuration of the text encoder": replaced("t5/config.json", b"{"),
    "half the text encoder": cut("t5/model.safetensors"),
    "no weights of the text encoder": lambda folder: (folder / "t5" / "model.safetensors").unlink(),
    "a broken tokenizer": replaced("t5/tokenizer.json", b"{"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_says_so_by_the_model_s_name(
    checkpoints: Checkpoints, tmp_path: Path, damage: Damage
) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    damage(folder)
    with pytest.raises(ModelDamaged, match=r"^test/model .*\.$") as caught:
        load(folder)
    assert "secret" not in caught.value.message
    assert "\n" not in caught.value.message


def test_a_text_encoder_without_a_tokenizer_is_not_given_a_useless_one(
    checkpoints: Checkpoints, tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    for name in ["tokenizer.json", "spiece.model"]:
        (folder / "t5" / name).unlink()
    with pytest.raises(ModelDamaged, match=r"^test/model .*tokenizer"):
        load(folder)


class Exploit:
    """What a pickle does that is loaded without `weights_only`."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        """Write a file."""
        return (Path.write_text, (self._file, "owned"))


@pytest.mark.parametrize("name", [LM, CODEC])
@pytest.mark.parametrize("save", [torch.save, lambda value, file: file.write_bytes(pickle.dumps(value))])
def test_a_checkpoint_runs_no_code(
    checkpoints: Checkpoints, tmp_path: Path, name: str, save: Callable[[Any, Path], Any]
) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    trap = tmp_path / "trap"
    save({"best_state": Exploit(trap)}, folder / name)
    with pytest.raises(ModelDamaged):
        load(folder)
    assert not trap.exists()


@pytest.mark.parametrize("name", [LM, CODEC])
def test_a_missing_file_is_named_without_its_folder(checkpoints: Checkpoints, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    (folder / name).unlink()
    with pytest.raises(ModelNotFound, match=f"^test/model could not be loaded: {name} is missing") as caught:
        load(folder)
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("source", ["/srv/gone", "./gone", "gone/models/tiny"])
def test_a_missing_folder_says_so_without_its_path(source: str) -> None:
    with pytest.raises(ModelNotFound, match=r"^test/model could not be loaded: .* does not exist") as caught:
        load(source)
    assert "gone" not in caught.value.message


def test_a_text_encoder_that_is_neither_here_nor_on_the_hub_is_an_error_of_the_model(
    checkpoints: Checkpoints, tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    shutil.rmtree(folder / "t5")
    with pytest.raises(ModelError, match=r"^test/model could not be loaded: ") as caught:
        load(folder)
    assert "secret" not in caught.value.message


def test_a_model_of_another_sample_rate_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_configs, "SAMPLE_RATE_HZ", 16_000)
    with pytest.raises(ModelDamaged, match="16000 Hz"):
        load(build_musicgen(tmp_path / "model"))
