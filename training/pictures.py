"""Spectrograms as small PNG files, written by hand: a picture of a clip to look at, and no plotting library."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from training.features import spectrogram
from training.instruments import Waveform

_ROWS = 96
_COLUMNS = 400


def spectrogram_png(wave: Waveform) -> bytes:
    """A greyscale picture, time to the right, 40 Hz to 14 kHz upwards (logarithmic), 70 dB from black to white."""
    hz, magnitudes = spectrogram(wave)
    rows = np.clip(np.searchsorted(hz, np.geomspace(40, 14_000, _ROWS)), 0, len(hz) - 1)
    columns = np.linspace(0, magnitudes.shape[1] - 1, min(_COLUMNS, magnitudes.shape[1])).astype(int)
    level = 20 * np.log10(magnitudes[np.ix_(rows[::-1], columns)] + 1e-6)
    grey = np.clip((level - level.max() + 70) / 70, 0, 1) * 15
    return _png((np.round(grey) * 17).astype(np.uint8))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """An 8-bit greyscale PNG of `[rows, columns]` (PNG specification, second edition)."""
    height, width = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    scanlines = b"".join(b"\0" + row.tobytes() for row in pixels)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(scanlines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
