from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen_api.audio import level
from tests.helpers.sounds import music


@given(st.floats(0.01, 1e6), st.integers(0, 2**32 - 1))
def test_limited_sound_never_reaches_the_peak_and_keeps_its_signs(loudness: float, seed: int) -> None:
    noise = (np.random.default_rng(seed).uniform(-1, 1, (2, 1000)) * loudness).astype(np.float32)
    limited = level.soft_limit(noise, level.PEAK)
    assert np.abs(limited).max() <= level.PEAK * 1.000001
    assert np.array_equal(np.sign(limited), np.sign(noise))


def test_quiet_sound_passes_the_limiter_unchanged() -> None:
    quiet = music(0.1, 2)
    assert np.array_equal(level.soft_limit(quiet), quiet)


def test_the_limiter_bends_without_a_step() -> None:
    ramp = np.linspace(-3, 3, 60_001, dtype=np.float32)[None]
    steps = np.diff(level.soft_limit(ramp)[0])
    assert steps.min() >= 0
    assert steps.max() < 1.01 * (ramp[0, 1] - ramp[0, 0])


def test_limiting_part_by_part_is_limiting_the_whole() -> None:
    loud = 4 * music(0.5, 2)
    parts = [level.soft_limit(part) for part in np.array_split(loud, 7, axis=1)]
    assert np.array_equal(np.concatenate(parts, axis=1), level.soft_limit(loud))


def test_integers_become_floats_and_the_same_integers_again() -> None:
    integers = np.arange(-32768, 32768, dtype=np.int16)[None]
    assert np.array_equal(level.as_integers(level.as_floats(integers)), integers)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_sound_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="NaN or infinity"):
        level.check(np.array([[0, value]], np.float32))
    with pytest.raises(ValueError, match=r"expected \[C, T\]"):
        level.check(np.zeros((3, 8), np.float32))
