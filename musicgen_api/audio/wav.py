"""Waveform -> WAV bytes. Pure: no files, no state; knows numpy, no torch."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import soundfile

PEAK = 10 ** (-0.1 / 20)
"""Loudest sample after scaling, -0.1 dBFS: room for the rounding, inaudible as a loss."""


def encode_wav(waveform: npt.NDArray[np.float32], sample_rate: int, duration_s: int) -> bytes:
    """A WAV file, 16 bit PCM, of exactly `duration_s` seconds.

    Args:
        waveform: [C, T] floats, nominally within -1 and 1; C is 1 or 2. A piece that is louder is scaled down as a
            whole, so nothing clips or wraps around; a quieter one is left as it is.
        sample_rate: in Hz.
        duration_s: seconds; samples beyond are cut, missing ones are silence.

    Raises:
        ValueError: the waveform has another shape, or holds NaN or infinity.
    """
    if waveform.ndim != 2 or waveform.shape[0] not in (1, 2):
        raise ValueError(f"expected [C, T] with C 1 or 2, got {list(waveform.shape)}")
    if not np.isfinite(waveform).all():
        raise ValueError("the waveform holds NaN or infinity")
    samples = _fit(waveform, sample_rate * duration_s)
    loudest = float(np.abs(samples).max(initial=0.0))
    if loudest > PEAK:
        samples = samples * (PEAK / loudest)
    quantised = np.rint(samples * 32767.0).astype(np.int16)
    buffer = io.BytesIO()
    soundfile.write(buffer, quantised.T, sample_rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def _fit(waveform: npt.NDArray[np.float32], length: int) -> npt.NDArray[np.float32]:
    missing = length - waveform.shape[1]
    return np.pad(waveform, ((0, 0), (0, missing))) if missing > 0 else waveform[:, :length]
