"""What is kept of an upload: a file's own codes bit for bit, else its sound by the codec; in takes, sections, live."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from musicgen_api.domain.errors import Cancelled
from musicgen_api.domain.recipe import Codes
from musicgen_api.domain.request import Continuation, Music, MusicRequest, Recording, Section
from musicgen_api.generation.synthesizer import AudioCraftSynthesizer
from musicgen_api.models.catalog import Catalog
from musicgen_api.settings import Settings
from tests.conftest import Checkpoints
from tests.helpers.fakes import RecordingMonitor, a_request
from tests.helpers.sounds import music

RATE = 32_000
MODELS = ["test/mono", "test/stereo", "test/melody"]


@pytest.fixture(scope="module")
def synthesizer(checkpoints: Checkpoints) -> Iterator[AudioCraftSynthesizer]:
    models = ",".join(f"test/{name}={getattr(checkpoints, name)}" for name in ["mono", "stereo", "melody"])
    settings = Settings(models=models, default_model="test/mono", max_models=3, device="cpu")
    yield AudioCraftSynthesizer(settings, Catalog(settings))


def short(**values: Any) -> MusicRequest:
    return a_request(**{"model": "test/mono", "duration": 2} | values)


def codes_of(music: Music, take: int = 0) -> Codes:
    codes = music.takes[take].codes
    assert codes is not None
    return codes


def kept_of(whole: Music, seconds: float, *, with_codes: bool = True) -> Continuation:
    """The beginning of a piece of ours, as its file has it."""
    codes = codes_of(whole)
    sound = Recording(whole.takes[0].waveform[:, : round(seconds * RATE)], RATE)
    part = Codes(codes.ids[:, : round(seconds * 50)], codes.cardinality, codes.frame_rate, codes.codec)
    return Continuation(seconds, sound, part if with_codes else None)


@pytest.mark.parametrize("model", MODELS)
def test_the_codes_of_a_file_of_ours_are_kept_bit_for_bit(synthesizer: AudioCraftSynthesizer, model: str) -> None:
    whole = synthesizer.synthesize(short(model=model), RecordingMonitor())
    kept = kept_of(whole, 1.5)
    request = short(model=model, seed=9, duration=3, continuation=kept)
    longer = synthesizer.synthesize(request, RecordingMonitor())
    assert kept.codes is not None
    assert codes_of(longer).ids.shape[1] == 150
    assert np.array_equal(codes_of(longer).ids[:, :75], kept.codes.ids)
    assert not np.array_equal(codes_of(longer).ids[:, 75:100], codes_of(whole).ids[:, 75:])
    heard = slice(0, RATE)  # the codec hears half a second ahead at most
    assert longer.takes[0].waveform[:, heard] == pytest.approx(whole.takes[0].waveform[:, heard], abs=1e-4)


def test_the_same_request_with_its_own_piece_makes_that_piece_again(synthesizer: AudioCraftSynthesizer) -> None:
    first = synthesizer.synthesize(short(), RecordingMonitor())
    request = short(seed=5, continuation=kept_of(first, 1.0))
    second = synthesizer.synthesize(request, RecordingMonitor())
    again = synthesizer.synthesize(short(seed=5, continuation=kept_of(second, 1.0)), RecordingMonitor())
    assert np.array_equal(codes_of(second).ids, codes_of(again).ids)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (RATE, 1), (8_000, 1)])
def test_any_sound_is_kept_by_the_codes_that_the_codec_makes_of_it(
    synthesizer: AudioCraftSynthesizer, model: str, rate: int, channels: int
) -> None:
    kept = Continuation(1.5, Recording(music(1.5, channels, rate=rate), rate))
    made = synthesizer.synthesize(short(model=model, continuation=kept), RecordingMonitor())
    (loaded,) = [held for name, held in synthesizer._store.held().items() if name == model]
    begun = torch.from_numpy(codes_of(made).ids[None, :, :75].astype("int64"))
    with torch.no_grad():
        again, _ = loaded.compression_model.encode(loaded.compression_model.decode(begun))
    assert codes_of(made).ids.shape[1] == 100
    assert made.channels == loaded.audio_channels
    assert again.shape == begun.shape
    if (rate, channels) == (RATE, loaded.audio_channels):
        with torch.no_grad():
            expected, _ = loaded.compression_model.encode(torch.from_numpy(kept.sound.samples)[None])
        assert (expected == begun).float().mean() > 0.98


@pytest.mark.parametrize(
    "changes",
    [{"codec": "sha256:other"}, {"frame_rate": 25.0}, {"cardinality": 1024}],
    ids=["another codec", "another frame rate", "another size of codebooks"],
)
def test_codes_that_are_not_the_model_s_are_not_used_but_the_sound(
    synthesizer: AudioCraftSynthesizer, changes: dict[str, Any]
) -> None:
    kept = kept_of(synthesizer.synthesize(short(), RecordingMonitor()), 1.0)
    assert kept.codes is not None
    foreign = Continuation(1.0, kept.sound, Codes(**vars(kept.codes) | changes))
    by_sound = synthesizer.synthesize(short(continuation=Continuation(1.0, kept.sound)), RecordingMonitor())
    made = synthesizer.synthesize(short(continuation=foreign), RecordingMonitor())
    assert np.array_equal(codes_of(made).ids, codes_of(by_sound).ids)


def test_a_mono_file_of_the_same_codec_goes_on_in_stereo_by_its_sound(synthesizer: AudioCraftSynthesizer) -> None:
    kept = kept_of(synthesizer.synthesize(short(), RecordingMonitor()), 1.0)
    made = synthesizer.synthesize(short(model="test/stereo", continuation=kept), RecordingMonitor())
    assert codes_of(made).ids.shape == (8, 100)
    left, right = made.takes[0].waveform[:, : RATE // 2]
    assert left == pytest.approx(right, abs=1e-4)


def test_each_take_keeps_it_and_is_what_its_seed_alone_gives(synthesizer: AudioCraftSynthesizer) -> None:
    kept = kept_of(synthesizer.synthesize(short(), RecordingMonitor()), 1.0)
    takes = synthesizer.synthesize(short(seed=20, takes=3, continuation=kept), RecordingMonitor())
    for number in range(3):
        alone = synthesizer.synthesize(short(seed=20 + number, continuation=kept), RecordingMonitor())
        assert np.array_equal(codes_of(takes, number).ids, codes_of(alone).ids)
        assert np.array_equal(takes.takes[number].waveform, alone.takes[0].waveform)


def test_live_sound_begins_with_what_is_kept_second_by_second(synthesizer: AudioCraftSynthesizer) -> None:
    kept = kept_of(synthesizer.synthesize(short(duration=5), RecordingMonitor()), 4.5)
    monitor = RecordingMonitor()
    made = synthesizer.synthesize(short(duration=6, live=True, continuation=kept), monitor)
    assert max(sound.samples.shape[1] for sound in monitor.sounds) < 2 * RATE
    joined = np.concatenate([sound.samples for sound in monitor.sounds], axis=1)
    assert joined == pytest.approx(np.rint(np.clip(made.takes[0].waveform, -1, 1) * 32_767), abs=1)
    assert joined.shape == (1, 6 * RATE)


def test_a_kept_part_may_reach_into_a_later_section(synthesizer: AudioCraftSynthesizer) -> None:
    kept = kept_of(synthesizer.synthesize(short(duration=3), RecordingMonitor()), 2.5)
    sections = tuple(Section(text, 2) for text in ("calm", "loud", "calm"))
    made = synthesizer.synthesize(short(duration=6, sections=sections, continuation=kept), RecordingMonitor())
    assert kept.codes is not None
    assert np.array_equal(codes_of(made).ids[:, :125], kept.codes.ids)
    assert codes_of(made).ids.shape[1] == 300


def test_what_is_kept_may_be_longer_than_the_model_s_window(synthesizer: AudioCraftSynthesizer) -> None:
    whole = synthesizer.synthesize(short(duration=40), RecordingMonitor())
    kept = kept_of(whole, 39.0)
    made = synthesizer.synthesize(short(seed=2, duration=41, continuation=kept), RecordingMonitor())
    assert kept.codes is not None
    assert np.array_equal(codes_of(made).ids[:, : 39 * 50], kept.codes.ids)
    assert made.takes[0].waveform.shape == (1, 41 * RATE)


def test_a_job_is_stopped_while_an_upload_is_encoded(synthesizer: AudioCraftSynthesizer) -> None:
    kept = Continuation(8.0, Recording(music(8.0), RATE))
    counted = RecordingMonitor()
    synthesizer.synthesize(short(duration=9, continuation=kept), counted)
    for stop_at in range(3, 9):
        monitor = RecordingMonitor(stop_at)
        with pytest.raises(Cancelled):
            synthesizer.synthesize(short(duration=9, continuation=kept), monitor)
        assert monitor.checks == stop_at


def test_a_loop_is_made_of_a_piece_that_goes_on_for_its_overlap(synthesizer: AudioCraftSynthesizer) -> None:
    plain = synthesizer.synthesize(short(duration=4), RecordingMonitor())
    made = synthesizer.synthesize(short(duration=4, loop=True), RecordingMonitor())
    assert made.takes[0].waveform.shape == (1, 6 * RATE)
    assert codes_of(made).ids.shape[1] == 300
    assert np.array_equal(codes_of(made).ids[:, :150], codes_of(plain).ids[:, :150])
    sections = (Section("calm", 2), Section("loud", 2))
    made = synthesizer.synthesize(short(duration=4, sections=sections, loop=True), RecordingMonitor())
    assert made.takes[0].waveform.shape == (1, 6 * RATE)
