"""How loud samples may be on their way into a file. Pure functions on arrays [C, T]; they know no format."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
"""[C, T], C is 1 or 2, nominally within -1 and 1."""
Pcm = npt.NDArray[np.int16]
"""[C, T], C is 1 or 2."""

PEAK = 10 ** (-0.1 / 20)
"""Loudest sample of a lossless file, -0.1 dBFS: room for the rounding, inaudible as a loss."""
LOSSY_PEAK = 10 ** (-1 / 20)
"""Loudest sample before a lossy codec, -1 dBFS: what comes out of the decoder differs and may be a little louder."""
FULL_SCALE = 32767.0
_KNEE = 0.8


def check(samples: npt.NDArray[np.float32 | np.int16]) -> None:
    """Raise `ValueError` unless `samples` are [C, T] with C 1 or 2, and finite."""
    if samples.ndim != 2 or samples.shape[0] not in (1, 2):
        raise ValueError(f"expected [C, T] with C 1 or 2, got {list(samples.shape)}")
    if not np.isfinite(samples).all():
        raise ValueError("the waveform holds NaN or infinity")


def scale_down(samples: Samples, peak: float = PEAK) -> Samples:
    """The piece, scaled as a whole so that no sample is beyond `peak`; a quieter piece is left as it is."""
    loudest = float(np.abs(samples).max(initial=0.0))
    return samples * (peak / loudest) if loudest > peak else samples


def soft_limit(samples: Samples, peak: float = PEAK) -> Samples:
    """Samples that never go beyond `peak`, for sound whose loudest moment is not known yet.

    Up to 0.8 of `peak` nothing changes; above, a tanh bends the curve. Each sample depends on itself alone, so a piece
    that is limited part by part equals the piece that is limited as a whole.
    """
    magnitude = np.abs(samples) / np.float32(peak)
    above = magnitude > _KNEE
    if not above.any():
        return samples
    limited = samples.copy()
    bent = _KNEE + (1 - _KNEE) * np.tanh((magnitude[above] - _KNEE) / (1 - _KNEE))
    limited[above] = np.copysign(bent * peak, samples[above])
    return limited


def quantise(samples: Samples) -> Pcm:
    """16-bit integers, each the nearest one. `samples` must be within -1 and 1."""
    integers: Pcm = np.rint(samples * FULL_SCALE).astype(np.int16)
    return integers


def as_floats(samples: Samples | Pcm) -> Samples:
    """float32; of integers, those whose nearest integers they are."""
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / np.float32(FULL_SCALE)
    return samples.astype(np.float32, copy=False)


def as_integers(samples: Samples | Pcm) -> Pcm:
    """int16; floats are quantised."""
    return samples.astype(np.int16, copy=False) if samples.dtype == np.int16 else quantise(as_floats(samples))
