"""A tiny translation model: what it says, and what is said of damaged ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from musicgen_api.domain.errors import Cancelled, ModelDamaged, ModelError, ModelNotFound
from musicgen_api.translation import marian
from tests.helpers.fakes import RecordingMonitor
from tests.helpers.translators import LEARNT


def load(folder: Path, monitor: RecordingMonitor | None = None) -> marian.Marian:
    monitor = monitor or RecordingMonitor()
    return marian.build(marian.fetch(str(folder), monitor), monitor)


@pytest.fixture(scope="module")
def model(translator: Path) -> marian.Marian:
    return load(translator)


def test_a_batch_is_translated_as_each_text_alone(model: marian.Marian) -> None:
    monitor = RecordingMonitor()
    assert model.translate(list(LEARNT), monitor.check) == list(LEARNT.values())
    assert [model.translate([text], monitor.check) for text in LEARNT] == [[text] for text in LEARNT.values()]


def test_a_text_is_translated_by_sentences(model: marian.Marian) -> None:
    check = RecordingMonitor().check
    assert model.translate(["piano lent. batterie rapide.", ""], check) == ["slow piano. fast drums.", ""]
    assert model.translate(["</s>piano lent.\nbatterie rapide."], check) == ["slow piano. fast drums."]


def test_a_text_of_any_length_is_translated(model: marian.Marian) -> None:
    calls = RecordingMonitor()
    [translation] = model.translate(["piano lent " * 180], calls.check)
    assert translation
    many = model.translate(["piano lent. " * 40], calls.check)
    assert many == [" ".join(["slow piano."] * 40)]


def test_each_step_may_be_the_last(model: marian.Marian) -> None:
    counting = RecordingMonitor()
    model.translate(["piano lent."], counting.check)
    assert counting.checks > len("slow piano.") / 2
    for step in range(1, counting.checks + 1):
        with pytest.raises(Cancelled):
            model.translate(["piano lent."], RecordingMonitor(stop_at=step).check)


def test_loading_can_be_stopped(translator: Path) -> None:
    counting = RecordingMonitor()
    load(translator, counting)
    assert counting.checks >= 3
    for step in range(1, counting.checks + 1):
        with pytest.raises(Cancelled):
            load(translator, RecordingMonitor(stop_at=step))


def test_weights_in_torch_s_format_are_read(translator: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(translator, tmp_path / "torch")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    translations = load(folder).translate(["piano lent."], RecordingMonitor().check)
    assert translations == ["slow piano."]


def _without(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def _with(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def _reconfigured(**values: object) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | values))

    return change


def _without_tensor(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    del state["model.decoder.layers.0.fc1.weight"]
    save_file(state, folder / "model.safetensors")


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no vocabulary": (_without("vocab.json"), r"vocab\.json is missing"),
    "no pieces": (_without("source.spm"), r"source\.spm is missing"),
    "no weights": (_without("model.safetensors"), r"model\.safetensors is missing"),
    "a pointer": (_with("target.spm", b"version https://git-lfs.github.com/spec/v1"), r"target\.spm is a Git LFS poin"),
    "a page": (_with("vocab.json", b"<!DOCTYPE html>"), r"vocab\.json is a web page"),
    "broken pieces": (_with("source.spm", b"nonsense"), "broken inside"),
    "half the weights": (_with("model.safetensors", b"\x40\0\0\0\0\0\0\0{"), r"model\.safetensors is cut off"),
    "weights of nothing": (_with("model.safetensors", b"weights"), r"model\.safetensors is in no format"),
    "another kind": (_reconfigured(model_type="t5"), "model_type is 't5'; it must be 'marian'"),
    "another width": (_reconfigured(d_model=64), "broken inside|wrong shape"),
    "a tensor less": (_without_tensor, r"lacks the tensor model\.decoder\.layers\.0\.fc1\.weight"),
}


@pytest.mark.parametrize(("damage", "says"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_told(translator: Path, tmp_path: Path, damage: Callable[[Path], object], says: str) -> None:
    folder = shutil.copytree(translator, tmp_path / "secret")
    damage(folder)
    with pytest.raises((ModelDamaged, ModelNotFound), match=says) as caught:
        load(folder)
    assert "secret" not in caught.value.message


def test_a_vocabulary_of_another_model_is_told_where_it_is_used(translator: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(translator, tmp_path / "folder")
    vocabulary = json.loads((folder / "vocab.json").read_text())
    (folder / "vocab.json").write_text(json.dumps({piece: 10 * number for piece, number in vocabulary.items()}))
    model = load(folder)
    with pytest.raises(ModelError, match="belong to different models"):
        model.translate(["piano lent."], RecordingMonitor().check)
