"""Where a piece has its beats, if it has any: onsets by spectral flux, the tempo by their autocorrelation.

In a few lines of numpy: librosa would do it too, but takes seconds to import and compile, and 100 MB.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from musicgen_api.audio.level import Samples

_HOP_S, _WINDOW_S = 0.01, 0.04
_SLOWEST, _FASTEST = 60, 180
"""Beats per minute."""
_CLEAR = 0.2
"""How large the autocorrelation at the beat must be, 1 being perfect repetition. Noise stays below 0.1."""

Curve = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Beats:
    """The beats of a piece."""

    times_s: list[float]
    """Where they begin, in seconds from the piece's beginning."""
    onsets: Curve
    """How much begins to sound, every 10 ms."""

    def strength(self, time_s: float) -> float:
        """How much begins to sound there, give or take 20 ms."""
        at = round(time_s / _HOP_S)
        return float(self.onsets[max(at - 2, 0) : at + 3].max(initial=0.0))


def find_beats(samples: Samples, sample_rate: int) -> Beats | None:
    """The beats of `samples` [C, T]; None where nothing repeats clearly at 60 to 180 beats per minute."""
    onsets = _onsets(samples.mean(axis=0), sample_rate)
    period = _period(onsets)
    if period is None:
        return None
    # The beats lie where a comb of that period meets the most onsets; the period is refined on the way.
    periods = np.linspace(period - 0.5, period + 0.5, 41)
    combs = [
        (onsets[_comb(len(onsets), each, phase)].mean(), each, phase) for each in periods for phase in range(int(each))
    ]
    _, period, phase = max(combs)
    return Beats([at * _HOP_S for at in _comb(len(onsets), period, phase).tolist()], onsets)


def _onsets(mono: npt.NDArray[np.float32], sample_rate: int) -> Curve:
    """By how much the spectrum grows from one window to the next, in logarithms, every 10 ms; centred on the moment."""
    hop, window = round(_HOP_S * sample_rate), round(_WINDOW_S * sample_rate)
    padded = np.pad(mono, (window // 2, window))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop][: len(mono) // hop + 1]
    spectra = np.log1p(100 * np.abs(np.fft.rfft(frames * np.hanning(window), axis=1)) / window)
    growth: Curve = np.maximum(np.diff(spectra, axis=0, prepend=spectra[:1]), 0).sum(axis=1).astype(np.float32)
    return growth


def _period(onsets: Curve) -> float | None:
    """The time from beat to beat, in steps of 10 ms."""
    centred = onsets - onsets.mean()
    spectrum = np.fft.rfft(centred, 2 * len(centred))
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: len(centred)]
    if correlation[0] <= 0:
        return None
    shortest, longest = round(60 / _FASTEST / _HOP_S), round(60 / _SLOWEST / _HOP_S)
    candidates = correlation[shortest : longest + 1] / correlation[0]
    if not len(candidates) or candidates.max() < _CLEAR:
        return None
    return float(shortest + candidates.argmax())


def _comb(length: int, period: float, phase: float) -> npt.NDArray[np.intp]:
    """The steps nearest to `phase`, `phase` + `period`, ... below `length`."""
    steps: npt.NDArray[np.intp] = np.rint(np.arange(phase, length - 1, period)).astype(np.intp)
    return steps
