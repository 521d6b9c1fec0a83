"""Any number of channels becomes one or two. Arrays [C, n] in and out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from musicgen_api.audio.level import Samples

_SIDE = 0.5**0.5
_SHARES = {
    **dict.fromkeys(("FL", "DL", "WL"), (1.0, 0.0)),
    **dict.fromkeys(("FR", "DR", "WR"), (0.0, 1.0)),
    **dict.fromkeys(("FC", "FLC", "FRC"), (_SIDE, _SIDE)),
    **dict.fromkeys(("BL", "SL"), (_SIDE, 0.0)),
    **dict.fromkeys(("BR", "SR"), (0.0, _SIDE)),
    "BC": (0.5, 0.5),
    **dict.fromkeys(("LFE", "LFE2"), (0.0, 0.0)),
}
"""How much of a channel, by FFmpeg's name, left and right get: ITU-R BS.775, table 2."""
_UNNAMED = (0.5, 0.5)


def to_stereo_at_most(samples: Samples, names: Sequence[str]) -> Samples:
    """[C, n] of the channels `names` -> [1, n] or [2, n]; never louder than the loudest channel."""
    if len(samples) <= 2:
        return samples
    shares = np.array([_SHARES.get(name, _UNNAMED) for name in names], np.float32).T
    loudest = np.float32(max(shares.sum(axis=1).max(), 1e-9))
    mixed: Samples = np.matmul(shares / loudest, samples)
    return mixed


def to_channels(samples: Samples, channels: int) -> Samples:
    """[1 or 2, n] -> [`channels`, n]: both channels' mean, or the one channel twice."""
    if len(samples) == channels:
        return samples
    return samples.mean(axis=0, keepdims=True) if channels == 1 else np.repeat(samples, 2, axis=0)
