"""A piece's ends: its length, fades, and a loop whose end runs into its beginning. Numpy in and out.

fade(samples, 32_000, fade_in_s=0.5, fade_out_s=2.0)
loop(samples, 32_000, length=32_000 * 10)       # of a piece that is `overlap_s(10)` longer than 10 s
"""

from __future__ import annotations

import numpy as np

from musicgen_api.audio.beats import Beats, find_beats
from musicgen_api.audio.level import Samples

_OVERLAP_S = 2.0
"""Two beats or more of any tempo, to choose the seam from."""
_ON_A_BEAT_S = 0.05
"""How long the cross-fade is where it ends on a beat: short, so that no beat is heard twice."""


def fit(samples: Samples, length: int) -> Samples:
    """`samples` [C, T] as [C, `length`]: what is beyond is cut, what is missing is silence."""
    missing = length - samples.shape[1]
    return np.pad(samples, ((0, 0), (0, missing))) if missing > 0 else samples[:, :length]


def fade(samples: Samples, sample_rate: int, fade_in_s: float = 0.0, fade_out_s: float = 0.0) -> Samples:
    """`samples` [C, T] from silence and to silence, along half a cosine's wave.

    Raises:
        ValueError: a fade is negative, or the two together are longer than the piece.
    """
    rising, falling = round(fade_in_s * sample_rate), round(fade_out_s * sample_rate)
    if min(fade_in_s, fade_out_s) < 0 or rising + falling > samples.shape[1] + 1:
        length_s = samples.shape[1] / sample_rate
        raise ValueError(f"fades of {fade_in_s:g} and {fade_out_s:g} s do not fit into {length_s:g} s")
    falling = min(falling, samples.shape[1] - rising)  # both may have been rounded up
    shaped = samples.copy()
    shaped[:, :rising] *= _rise(rising) ** 2
    shaped[:, samples.shape[1] - falling :] *= _rise(falling)[::-1] ** 2
    return shaped


def overlap_s(duration_s: float) -> float:
    """How much longer than the loop the piece should be that it is made of, in seconds."""
    return min(_OVERLAP_S, duration_s)


def loop(samples: Samples, sample_rate: int, length: int) -> Samples:
    """Exactly `length` samples that can be played round and round.

    What follows the loop's last sample in the piece becomes the loop's first, so going round is going on. From there
    it is cross-faded, at equal power, to the piece's own beginning. Where the piece has beats, the cross-fade is short
    and ends on the strongest beat of the overlap, whose attack hides it; else it takes the whole overlap.

    Args:
        samples: [C, L], L larger than `length`; the rest, L - `length`, is the overlap.
        sample_rate: in Hz.
        length: of the result, in samples.

    Raises:
        ValueError: the piece is not longer than the loop, or more than twice as long.
    """
    overlap = samples.shape[1] - length
    if not 0 < overlap <= length:
        raise ValueError(
            f"a loop of {length} samples takes a piece of up to twice its length, not of {samples.shape[1]}"
        )
    begin, end = _seam(samples, sample_rate, length, overlap)
    looped = samples[:, :length].copy()
    rise = _rise(end - begin)
    looped[:, :begin] = samples[:, length : length + begin]
    looped[:, begin:end] *= rise
    looped[:, begin:end] += samples[:, length + begin : length + end] * rise[::-1]
    return looped


def _seam(samples: Samples, sample_rate: int, length: int, overlap: int) -> tuple[int, int]:
    """Where the cross-fade from the piece's end to its beginning begins and ends, in samples of the loop."""
    short = round(_ON_A_BEAT_S * sample_rate)
    beats = find_beats(samples, sample_rate) if overlap > short else None
    at = _strongest(beats, short / sample_rate, overlap / sample_rate, length / sample_rate) if beats else None
    return (0, overlap) if at is None else (round(at * sample_rate) - short, round(at * sample_rate))


def _strongest(beats: Beats, earliest_s: float, latest_s: float, length_s: float) -> float | None:
    """The beat of the overlap that is strongest where it comes from and where it goes to together."""
    candidates = [beat for beat in beats.times_s if earliest_s <= beat <= latest_s]
    return max(candidates, key=lambda beat: beats.strength(beat) + beats.strength(beat + length_s), default=None)


def _rise(length: int) -> Samples:
    """From near 0 to near 1 along a quarter of a sine; with its mirror image the powers add up to 1."""
    rise: Samples = np.sin((np.arange(length, dtype=np.float32) + 0.5) * np.float32(np.pi / 2 / max(length, 1)))
    return rise
