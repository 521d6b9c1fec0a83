"""A piece as loud as it is asked to be: integrated loudness by ITU-R BS.1770-4, true peak at most -1 dB.

    to_loudness(samples, 32_000, -14.0)                 # -14 LUFS, as music services play it

Importing this takes a second or two (scipy): import it where a piece is made loud, not where the service starts.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pyloudnorm
from scipy.ndimage import minimum_filter1d
from scipy.optimize import brentq
from scipy.signal import fftconvolve, resample_poly
from scipy.signal.windows import hann

from musicgen_api.audio import level
from musicgen_api.audio.level import Samples

TRUE_PEAK = 10 ** (-1 / 20)
"""-1 dB, as EBU R 128 has it."""
_AIM = TRUE_PEAK * 10 ** (-0.25 / 20)
"""What is aimed at: another meter's filter may find a little more between the samples, 0.2 dB in noise."""
_OVERSAMPLING = 4
"""As in BS.1770-4, annex 2."""
_BLOCK_S = 0.4
"""BS.1770-4 measures in blocks of this length."""
_LOOK_AROUND_S = 0.02
"""How long before and after a peak the limiter turns the piece down."""
_MOST_LIMITING_DB = 24.0
"""So far the limiter may press peaks down; beyond that hardly any of the music's shape is left."""
_CLOSE_ENOUGH_DB = 0.05


def measure(samples: Samples, sample_rate: int) -> float:
    """The integrated loudness of `samples` [C, T] in LUFS; minus infinity for silence.

    A piece that is shorter than one block of the measurement (0.4 s) is measured as if it went round and round.
    """
    shortest = math.ceil(_BLOCK_S * sample_rate) + 1
    if not samples.any():
        return -math.inf
    rounds = math.ceil(shortest / samples.shape[1])
    # DeMan's are the filters of BS.1770-4 at any rate; pyloudnorm's own default differs a little.
    meter = pyloudnorm.Meter(sample_rate, filter_class="DeMan", block_size=_BLOCK_S)
    return float(meter.integrated_loudness(np.tile(samples, rounds).T.astype(np.float64)))


def true_peak(samples: Samples) -> float:
    """The loudest moment between the samples too, 1 being full scale."""
    return float(_peaks(samples).max(initial=0.0))


def to_loudness(samples: Samples, sample_rate: int, lufs: float, *, loop: bool = False) -> Samples:
    """`samples` [C, T] at `lufs`, no true peak above -1 dB.

    One factor does it for most music. Where peaks would stand out, a limiter turns the piece down around them and the
    rest up, until the loudness is there or cannot be reached: then the piece is as loud as it gets. Silence stays
    silence.

    Args:
        samples: floats, C is 1 or 2.
        sample_rate: in Hz.
        lufs: the integrated loudness asked for.
        loop: the end runs into the beginning: the limiter looks round that corner.

    Raises:
        ValueError: the samples have another shape, or hold NaN or infinity.
    """
    level.check(samples)
    if not math.isfinite(measure(samples, sample_rate)):
        return samples
    # From full scale on: there the meter's absolute gate, -70 LUFS, leaves out nothing that can be heard.
    samples = samples / np.abs(samples).max()
    peaks = _peaks(samples)
    gain_db = lufs - measure(samples, sample_rate)
    if peaks.max() * 10 ** (gain_db / 20) <= _AIM:
        return samples * np.float32(10 ** (gain_db / 20))

    def limited(more_db: float) -> Samples:
        gain = np.float32(10 ** ((gain_db + more_db) / 20))
        return _limited(samples * gain, peaks * gain, sample_rate, loop=loop)

    def missing_db(more_db: float) -> float:
        return lufs - measure(limited(more_db), sample_rate)

    more_db = 0.0
    if missing_db(_MOST_LIMITING_DB) > 0:
        more_db = _MOST_LIMITING_DB
    elif missing_db(0) > _CLOSE_ENOUGH_DB:
        more_db = float(brentq(missing_db, 0, _MOST_LIMITING_DB, xtol=_CLOSE_ENOUGH_DB, maxiter=20, disp=False))
    result = limited(more_db)
    return result * np.float32(min(1.0, _AIM / true_peak(result)))


def _limited(samples: Samples, peaks: npt.NDArray[np.float32], sample_rate: int, *, loop: bool) -> Samples:
    """The samples, turned down smoothly around every peak above the limit.

    The gain that each sample needs is spread to its neighbours (minimum), then smoothed by a window of the same width:
    a mean of values none of which is above the need of the sample in the middle.
    """
    width = 2 * round(_LOOK_AROUND_S * sample_rate) + 1
    needed = np.minimum(1.0, _AIM / np.maximum(peaks, 1e-9))
    spread = minimum_filter1d(needed, width, mode="wrap" if loop else "nearest")
    padded = np.pad(spread, width // 2, mode="wrap" if loop else "edge")
    window = hann(width + 2)[1:-1]
    gain = fftconvolve(padded, window / window.sum(), mode="valid")
    limited: Samples = samples * gain.astype(np.float32)
    return limited


def _peaks(samples: Samples) -> npt.NDArray[np.float32]:
    """[T]: the loudest moment of any channel from each sample to the next."""
    oversampled = np.abs(resample_poly(samples, _OVERSAMPLING, 1, axis=1))
    peaks: npt.NDArray[np.float32] = oversampled.reshape(len(samples), -1, _OVERSAMPLING).max(axis=(0, 2))
    np.maximum(peaks, np.abs(samples).max(axis=0), out=peaks)
    return peaks
