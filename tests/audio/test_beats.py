from __future__ import annotations

import numpy as np
import pytest

from musicgen_api.audio.beats import find_beats
from tests.helpers.sounds import RATE, drums


@pytest.mark.parametrize("rate", [16_000, 32_000, 48_000])
@pytest.mark.parametrize("beats_per_minute", [62, 90, 117.3, 128, 150, 175])
def test_every_beat_that_is_found_is_one(beats_per_minute: float, rate: int) -> None:
    beats = find_beats(drums(12, beats_per_minute, rate=rate), rate)
    assert beats is not None
    off = (np.array(beats.times_s) - 0.13) % (60 / beats_per_minute)
    assert np.minimum(off, 60 / beats_per_minute - off).max() < 0.02
    assert len(beats.times_s) >= 12 * 60 / 180 - 1


@pytest.mark.parametrize("seed", range(5))
def test_noise_has_none(seed: int) -> None:
    assert find_beats(np.random.default_rng(seed).standard_normal((1, 12 * RATE)).astype(np.float32), RATE) is None


@pytest.mark.parametrize("length", [0, 1, 100, RATE // 2, 12 * RATE])
def test_silence_a_tone_and_pieces_that_are_too_short_have_none(length: int) -> None:
    assert find_beats(np.zeros((2, length), np.float32), RATE) is None
    assert find_beats(np.sin(np.arange(length) / 20).astype(np.float32)[None], RATE) is None


def test_a_beat_is_stronger_than_what_lies_between() -> None:
    beats = find_beats(drums(12, 120), RATE)
    assert beats is not None
    assert beats.strength(0.13) > 3 * beats.strength(0.13 + 0.25)
    assert beats.strength(10_000) == 0
