"""Melodies: followed, separated as AudioCraft does it, and refused where a model or Demucs cannot be had."""

from __future__ import annotations

import random
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from audiocraft.modules.conditioners import ChromaStemConditioner
from huggingface_hub import close_session, constants

from musicgen_api.domain.errors import Cancelled, InvalidFields, MelodyUnavailable
from musicgen_api.domain.request import Continuation, Music, MusicRequest, Recording
from musicgen_api.generation.synthesizer import AudioCraftSynthesizer
from musicgen_api.models.catalog import Catalog
from musicgen_api.models.melody import REPOSITORY
from musicgen_api.settings import Settings
from tests.conftest import Checkpoints
from tests.helpers.fakes import RecordingMonitor, a_request
from tests.helpers.hub import Hub, send_this_process_to
from tests.helpers.separators import SIGNATURE, build_separator
from tests.helpers.sounds import likeness_db, music

RATE = 32_000
TUNE = Recording(music(3, 2, rate=44_100, seed=4), 44_100)


@pytest.fixture
def demucs_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has Demucs; nothing is cached yet."""
    with Hub({REPOSITORY: build_separator(tmp_path / "demucs")}) as hub:
        send_this_process_to(hub, tmp_path / "cache", monkeypatch)
        close_session()
        yield hub
        close_session()


def a_synthesizer(checkpoints: Checkpoints, **values: Any) -> AudioCraftSynthesizer:
    models = ",".join(f"test/{name}={getattr(checkpoints, name)}" for name in ["mono", "melody"])
    settings = Settings(models=models, default_model="test/melody", **{"max_models": 1, "device": "cpu"} | values)
    return AudioCraftSynthesizer(settings, Catalog(settings))


@pytest.fixture(scope="module")
def plain(checkpoints: Checkpoints) -> AudioCraftSynthesizer:
    """One that takes melodies as they are."""
    return a_synthesizer(checkpoints, melody_separation="none", max_models=2)


def short(**values: Any) -> MusicRequest:
    return a_request(**{"model": "test/melody", "duration": 2, "melody": TUNE} | values)


def ids_of(music: Music, take: int = 0) -> np.ndarray:
    codes = music.takes[take].codes
    assert codes is not None
    return codes.ids


def test_a_melody_changes_the_music_and_the_same_one_makes_the_same(plain: AudioCraftSynthesizer) -> None:
    with_tune, again, other, without = (
        ids_of(plain.synthesize(request, RecordingMonitor()))
        for request in (
            short(),
            short(),
            short(melody=Recording(music(3, seed=9)[:, ::2].copy(), RATE)),
            short(melody=None),
        )
    )
    assert np.array_equal(with_tune, again)
    assert not np.array_equal(with_tune, other)
    assert not np.array_equal(with_tune, without)


def test_takes_long_pieces_and_kept_parts_follow_it_too(plain: AudioCraftSynthesizer) -> None:
    takes = plain.synthesize(short(takes=2, seed=3), RecordingMonitor())
    assert np.array_equal(ids_of(takes, 1), ids_of(plain.synthesize(short(seed=4), RecordingMonitor())))
    long = plain.synthesize(short(duration=33), RecordingMonitor())
    assert ids_of(long).shape[1] == 33 * 50
    first = takes.takes[0]
    assert first.codes is not None
    kept = Continuation(2.0, Recording(first.waveform, RATE), first.codes)
    followed, free = (
        ids_of(plain.synthesize(short(duration=4, continuation=kept, melody=tune), RecordingMonitor()))
        for tune in (TUNE, None)
    )
    assert np.array_equal(followed[:, :100], first.codes.ids)
    assert not np.array_equal(followed[:, 100:], free[:, 100:])


def test_a_model_that_follows_no_melody_says_so_by_the_field_s_name(plain: AudioCraftSynthesizer) -> None:
    with pytest.raises(InvalidFields) as caught:
        plain.synthesize(short(model="test/mono"), RecordingMonitor())
    assert set(caught.value.fields) == {"melody"}


def test_demucs_comes_from_the_hub_with_progress_and_separates_as_audiocraft_does(
    checkpoints: Checkpoints, demucs_hub: Hub
) -> None:
    synthesizer = a_synthesizer(checkpoints)
    monitor = RecordingMonitor()
    separated = synthesizer.synthesize(short(), monitor)
    weights = next((demucs_hub.repositories[REPOSITORY]).glob("*.safetensors")).stat().st_size
    assert {model for model, _, _ in monitor.downloads} == {"htdemucs"}
    assert monitor.downloads[-1][1] > weights
    assert len(monitor.downloads) > 3
    (model,) = synthesizer._store.held().values()
    tune = synthesizer._melodies.tune(model, TUNE, 2.0, lambda: None)
    # AudioCraft's own separation, with the same Demucs and the same shift.
    conditioner: Any = model.lm.condition_provider.conditioners["self_wav"]
    conditioner.__dict__["demucs"] = synthesizer._melodies._separator
    conditioner.stem_indices = torch.LongTensor([3, 2])
    random.seed(0)
    expected = ChromaStemConditioner._get_stemmed_wav(conditioner, torch.from_numpy(TUNE.samples)[None], 44_100)[0]
    assert tune.shape == (1, 3 * RATE)
    length = min(tune.shape[-1], expected.shape[-1])
    assert likeness_db(expected[:, :length].numpy(), tune[:, :length].numpy()) > 25
    as_it_is = a_synthesizer(checkpoints, melody_separation="none").synthesize(short(), RecordingMonitor())
    assert not np.array_equal(ids_of(separated), ids_of(as_it_is))


def test_it_is_loaded_once_is_not_asked_for_again_and_goes_with_the_model(
    checkpoints: Checkpoints, demucs_hub: Hub
) -> None:
    synthesizer = a_synthesizer(checkpoints)
    synthesizer.synthesize(short(melody=None), RecordingMonitor())
    assert not demucs_hub.requests
    state = random.getstate()
    first = ids_of(synthesizer.synthesize(short(), RecordingMonitor()))
    assert random.getstate() == state
    demucs_hub.requests.clear()
    separator = weakref.ref(synthesizer._melodies._separator)
    assert np.array_equal(ids_of(synthesizer.synthesize(short(), RecordingMonitor())), first)
    assert separator() is synthesizer._melodies._separator
    assert not demucs_hub.requests
    synthesizer.synthesize(short(model="test/mono", melody=None), RecordingMonitor())
    assert separator() is None
    assert np.array_equal(ids_of(synthesizer.synthesize(short(), RecordingMonitor())), first)
    assert not demucs_hub.requests


def test_a_job_stops_while_demucs_is_downloaded_and_while_it_works(checkpoints: Checkpoints, demucs_hub: Hub) -> None:
    synthesizer = a_synthesizer(checkpoints)
    synthesizer.synthesize(short(melody=None), RecordingMonitor())
    demucs_hub.bytes_per_second = 100_000

    class StopsDownloading(RecordingMonitor):
        def check(self) -> None:
            super().check()
            if self.downloads:
                raise Cancelled("The test stops here.")

    with pytest.raises(Cancelled):
        synthesizer.synthesize(short(), StopsDownloading())
    demucs_hub.bytes_per_second = None
    counted, without = RecordingMonitor(), RecordingMonitor()
    synthesizer.synthesize(short(), counted)
    synthesizer.synthesize(short(melody=None), without)
    again = RecordingMonitor()
    synthesizer.synthesize(short(), again)
    assert again.checks > without.checks + 100  # each part of Demucs asks
    with pytest.raises(Cancelled):
        synthesizer.synthesize(short(), RecordingMonitor(stop_at=50))


def test_offline_the_error_names_the_setting_that_does_without(
    checkpoints: Checkpoints, demucs_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthesizer = a_synthesizer(checkpoints)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(MelodyUnavailable) as caught:
        synthesizer.synthesize(short(), RecordingMonitor())
    assert "MUSICGEN_MELODY_SEPARATION=none" in caught.value.message
    assert "HF_HUB_OFFLINE" in caught.value.message
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    synthesizer.synthesize(short(), RecordingMonitor())


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "htdemucs.yaml").write_text("models: ["),
        lambda folder: (folder / "htdemucs.yaml").write_text("[]"),
        lambda folder: (folder / f"{SIGNATURE}.safetensors").write_bytes(b"nothing"),
        lambda folder: build_separator(folder, klass="subprocess.Popen"),
        lambda folder: (folder / f"{SIGNATURE}.safetensors").unlink(),
    ],
    ids=["broken bag", "empty bag", "no weights", "another class", "missing"],
)
def test_a_damaged_demucs_is_said_and_nothing_of_it_runs(
    checkpoints: Checkpoints, demucs_hub: Hub, damage: Any
) -> None:
    damage(demucs_hub.repositories[REPOSITORY])
    with pytest.raises(MelodyUnavailable) as caught:
        a_synthesizer(checkpoints).synthesize(short(), RecordingMonitor())
    assert "MUSICGEN_MELODY_SEPARATION=none" in caught.value.message
