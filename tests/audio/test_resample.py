from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen_api.audio.resample import Resampler, resample
from tests.helpers.sounds import likeness_db, music

RATES = [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000]


def tone(frequency: float, rate: int, seconds: float = 2.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)[None]


@pytest.mark.parametrize("to_hz", RATES)
@pytest.mark.parametrize("from_hz", RATES)
def test_a_tone_stays_that_tone(from_hz: int, to_hz: int) -> None:
    result = resample(tone(1_000, from_hz), from_hz, to_hz)
    assert result.shape == (1, 2 * to_hz)
    inner = slice(to_hz // 10, -to_hz // 10)  # the filter knows nothing beyond the ends
    assert likeness_db(tone(1_000, to_hz)[:, inner], result[:, inner]) > 90


def test_what_the_new_rate_cannot_hold_is_gone() -> None:
    result = resample(tone(16_500, 44_100), 44_100, 32_000)[:, 3_200:-3_200]
    assert 20 * np.log10(np.abs(result).max() / 0.5) < -80


@given(st.integers(1, 5_000), st.sampled_from(RATES), st.sampled_from(RATES), st.integers(1, 2), st.integers(1, 9))
def test_piece_by_piece_is_the_whole_and_as_long_as_it_must_be(
    length: int, from_hz: int, to_hz: int, channels: int, parts: int
) -> None:
    samples = music(0.2, channels, rate=50_000)[:, :length]
    resampler = Resampler(from_hz, to_hz, channels)
    pieces = [resampler.add(part) for part in np.array_split(samples, parts, axis=1)]
    result = np.concatenate([*pieces, resampler.finish()], axis=1)
    assert result.shape == (channels, round(length * to_hz / from_hz))
    assert np.allclose(result, resample(samples, from_hz, to_hz), atol=1e-6)


def test_nothing_stays_nothing() -> None:
    assert resample(np.zeros((2, 0), np.float32), 32_000, 48_000).shape == (2, 0)


def test_the_same_rate_changes_no_sample() -> None:
    samples = music(0.1)
    assert np.array_equal(resample(samples, 32_000, 32_000), samples)
