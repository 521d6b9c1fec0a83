from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen_api.audio.shape import fade, loop, overlap_s
from tests.helpers.sounds import RATE, drums, music

LENGTH = 6 * RATE
OVERLAP = round(overlap_s(6) * RATE)
PIECES = {
    "chords": music(9),
    "stereo": music(9, 2),
    "drums": drums(9, 117.3),
    "drums on other beats": drums(9, 95, first_s=0.4),
    "fast": drums(9, 170),
    "noise": np.random.default_rng(0).uniform(-0.5, 0.5, (2, 9 * RATE)).astype(np.float32),
    "silence": np.zeros((1, 9 * RATE), np.float32),
}


@pytest.mark.parametrize("piece", PIECES)
def test_a_loop_is_exactly_as_long_as_asked_for_and_has_no_seam(piece: str) -> None:
    samples = PIECES[piece][:, : LENGTH + OVERLAP]
    looped = loop(samples, RATE, LENGTH)
    assert looped.shape == (len(samples), LENGTH)
    # Going round is going on: the step over the seam is the piece's own next step.
    assert np.allclose(looped[:, 0] - looped[:, -1], samples[:, LENGTH] - samples[:, LENGTH - 1], atol=2e-3)
    largest = np.abs(np.diff(samples, axis=1)).max()
    assert np.abs(looped[:, 0] - looped[:, -1]).max() <= largest + 1e-6
    assert np.abs(np.diff(looped, axis=1)).max() <= 1.5 * largest  # equal power: two such steps at 0.7 each


@pytest.mark.parametrize("beats_per_minute", [70, 95, 117.3, 140, 170])
def test_the_cross_fade_ends_on_a_beat_where_there_are_beats(beats_per_minute: float) -> None:
    samples = drums(9, beats_per_minute)[:, : LENGTH + OVERLAP]
    looped = loop(samples, RATE, LENGTH)
    own = np.flatnonzero(looped[0] != samples[0, :LENGTH])
    end_s = (own.max() + 1) / RATE  # from there on it is the piece itself
    off = (end_s - 0.13) % (60 / beats_per_minute)
    assert min(off, 60 / beats_per_minute - off) < 0.025


def test_a_cross_fade_takes_the_whole_overlap_where_there_are_none() -> None:
    samples = PIECES["noise"][:, : LENGTH + OVERLAP]
    looped = loop(samples, RATE, LENGTH)
    assert np.array_equal(looped[:, OVERLAP:], samples[:, OVERLAP:LENGTH])
    assert (looped[:, 1 : OVERLAP - 1] != samples[:, 1 : OVERLAP - 1]).mean() > 0.99


def test_noise_keeps_its_power_through_the_cross_fade() -> None:
    looped = loop(PIECES["noise"][:, : LENGTH + OVERLAP], RATE, LENGTH)
    powers = [np.mean(part**2) for part in np.array_split(looped[:, :OVERLAP], 8, axis=1)]
    assert np.array(powers) == pytest.approx(np.mean(PIECES["noise"] ** 2), rel=0.05)


@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 2))
def test_loops_of_any_length(length: int, overlap: int, channels: int) -> None:
    samples = music(0.1, channels)[:, : length + overlap]
    if overlap > length:
        with pytest.raises(ValueError, match="twice its length"):
            loop(samples, RATE, length)
    else:
        assert loop(samples, RATE, length).shape == (channels, length)


def test_a_piece_that_is_not_longer_than_the_loop_is_refused() -> None:
    with pytest.raises(ValueError, match="twice its length"):
        loop(music(1), RATE, RATE)


@pytest.mark.parametrize("duration_s", [0.1, 1, 2, 30])
def test_the_overlap_fits_every_duration(duration_s: float) -> None:
    length = round(duration_s * RATE)
    piece = music(duration_s + overlap_s(duration_s))
    assert loop(piece, RATE, length).shape == (1, length)


def test_shaping_leaves_the_piece_as_it_was() -> None:
    samples = music(9)
    before = samples.copy()
    loop(samples, RATE, LENGTH)
    fade(samples, RATE, 1, 1)
    assert np.array_equal(samples, before)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_fade_rises_from_silence_and_falls_to_it_and_leaves_the_middle(channels: int) -> None:
    samples = np.ones((channels, 4 * RATE), np.float32)
    faded = fade(samples, RATE, fade_in_s=1, fade_out_s=2)
    assert np.array_equal(faded[:, RATE : 2 * RATE], samples[:, RATE : 2 * RATE])
    rising, falling = faded[:, :RATE], faded[:, 2 * RATE :]
    assert (np.diff(rising) >= 0).all() and (np.diff(falling) <= 0).all()
    assert rising[0, 0] < 1e-6 and falling[0, -1] < 1e-6
    assert rising[0, RATE // 2] == pytest.approx(0.5, abs=1e-3)


def test_no_fade_changes_nothing() -> None:
    assert np.array_equal(fade(music(1), RATE), music(1))


def test_fades_may_take_the_whole_piece_and_no_more() -> None:
    fade(music(1), RATE, 0.5, 0.5)
    for fades in ((0.6, 0.5), (1.1, 0), (-0.1, 0), (0, -0.1)):
        with pytest.raises(ValueError, match="fades of"):
            fade(music(1), RATE, *fades)
