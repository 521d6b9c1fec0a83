"""Another sample rate, by FFmpeg's resampler: a whole piece at once, or piece by piece with the same result."""

from __future__ import annotations

import av
import numpy as np

from musicgen_api.audio.level import Samples

_OPTIONS = {"filter_size": "128", "cutoff": "0.97"}
"""Of swresample: four times its default length. 3 % above half the new rate it is 93 dB down, by default 17 dB."""


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """`samples` [C, T] at another rate: [C, round(T * to_hz / from_hz)]."""
    resampler = Resampler(from_hz, to_hz, samples.shape[0])
    return np.concatenate([resampler.add(samples), resampler.finish()], axis=1)


class Resampler:
    """Piece by piece; the parts follow each other without a seam."""

    def __init__(self, from_hz: int, to_hz: int, channels: int) -> None:
        """For `channels` 1 or 2."""
        self._from_hz, self._to_hz, self._channels = from_hz, to_hz, channels
        self._layout = layout_of(channels)
        self._swr = av.AudioResampler(format="fltp", layout=self._layout, rate=to_hz, options=_OPTIONS)
        self._taken = self._given = 0

    def add(self, samples: Samples) -> Samples:
        """The next `samples` [C, n] -> as much of the result [C, m] as is certain; m may be 0."""
        if self._from_hz == self._to_hz or not samples.shape[1]:
            return samples
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), "fltp", self._layout)
        frame.sample_rate = self._from_hz
        frame.pts = self._taken
        self._taken += samples.shape[1]
        return self._collect(frame)

    def finish(self) -> Samples:
        """The rest of the result: together with what was given it is exactly as long as what was taken."""
        return self._collect(None) if self._taken else np.zeros((self._channels, 0), np.float32)

    def _collect(self, frame: av.AudioFrame | None) -> Samples:
        parts = [part.to_ndarray() for part in self._swr.resample(frame)]
        result = np.concatenate([np.zeros((self._channels, 0), np.float32), *parts], axis=1)
        room = round(self._taken * self._to_hz / self._from_hz) - self._given
        result = result[:, :room]  # the filter's tail
        if frame is None:
            result = np.pad(result, ((0, 0), (0, room - result.shape[1])))
        self._given += result.shape[1]
        return result


def layout_of(channels: int) -> str:
    """FFmpeg's name for 1 or 2 channels."""
    return {1: "mono", 2: "stereo"}[channels]
