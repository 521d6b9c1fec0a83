"""Samples at a file's own rate and level become its bytes: bare, or by FFmpeg's encoder and muxer. Nothing on disk."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream

from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.audio.level import Pcm, Samples, as_floats, as_integers
from musicgen_api.audio.resample import layout_of
from musicgen_api.audio.tags import RECIPE


class Writer(Protocol):
    """Takes samples [C, n], within -1 and 1 or int16, and gives bytes."""

    def add(self, samples: Samples | Pcm) -> None:
        """Encode the next samples."""

    def close(self) -> None:
        """Encode what is held back, and end the file."""

    def take(self) -> bytes:
        """What was written since the last time."""


class BareWriter:
    """16-bit integers, little endian and interleaved, behind a header."""

    def __init__(self, header: bytes = b"") -> None:
        """With `header` as the first bytes."""
        self._bytes = bytearray(header)

    def add(self, samples: Samples | Pcm) -> None:
        """Write the next samples."""
        self._bytes += _interleaved(as_integers(samples)).astype("<i2", copy=False).tobytes()

    def close(self) -> None:
        """Do nothing: such a file has no end of its own."""

    def take(self) -> bytes:
        """What was written since the last time."""
        taken, self._bytes = bytes(self._bytes), bytearray()
        return taken


@dataclass(frozen=True)
class _Codec:
    """FFmpeg's names and options for a format."""

    container: str
    name: str
    sample_format: str  # fltp: floats [C, n]; flt: interleaved floats; s16: interleaved integers
    options: Mapping[str, str] = field(default_factory=dict)
    whole: Mapping[str, str] = field(default_factory=dict)  # options of the container
    streamed: Mapping[str, str] = field(default_factory=dict)


_CODECS = {
    Format.FLAC: _Codec("flac", "flac", "s16"),
    Format.MP3: _Codec("mp3", "libmp3lame", "fltp", {"compression_level": "7"}, streamed={"write_xing": "0"}),
    Format.OPUS: _Codec("ogg", "libopus", "flt", streamed={"page_duration": "200000"}),
    Format.AAC: _Codec(
        *("ipod", "aac", "fltp", {"aac_coder": "fast"}),
        whole={"movflags": "+faststart"},
        streamed={"movflags": "+empty_moov+delay_moov+default_base_moof", "frag_duration": "500000"},
    ),
    Format.ULAW: _Codec("mulaw", "pcm_mulaw", "s16"),
}


class FFmpegWriter:
    """FFmpeg's encoder and muxer, writing to memory."""

    def __init__(
        self, encoding: Encoding, sample_rate: int, channels: int, tags: Mapping[str, str], *, whole: bool
    ) -> None:
        """Begin a file with `tags`; an M4A file's recipe is not among them, FFmpeg has no place for it."""
        codec = _CODECS[encoding.format]
        self._format, self._layout, self._rate = codec.sample_format, layout_of(channels), sample_rate
        self._written = 0
        # The muxer of MP3 goes back to complete its tags even in a stream.
        self._memory = _Memory(seekable=whole or encoding.format is Format.MP3)
        options = {"fflags": "+bitexact", **(codec.whole if whole else {"flush_packets": "1", **codec.streamed})}
        if encoding.format is Format.AAC:
            options["movie_timescale"] = str(sample_rate)  # an edit list that is exact to the sample
        self._output = av.open(
            self._memory, "w", format=codec.container, container_options=options, io_open=self._memory.reopen
        )
        without = RECIPE if encoding.format is Format.AAC else None
        self._output.metadata.update({key: text for key, text in tags.items() if key != without})
        stream = self._output.add_stream(codec.name, rate=sample_rate, options=dict(codec.options), layout=self._layout)
        assert isinstance(stream, AudioStream)
        self._stream = stream
        self._stream.codec_context.format = codec.sample_format
        self._stream.codec_context.bit_rate = encoding.bit_rate_for(channels) or 0

    def add(self, samples: Samples | Pcm) -> None:
        """Encode the next samples."""
        if not samples.shape[1]:
            return
        frame = av.AudioFrame.from_ndarray(self._laid_out(samples), self._format, self._layout)
        frame.sample_rate, frame.pts = self._rate, self._written
        self._written += samples.shape[1]
        self._output.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Encode what the codec holds back, and end the file."""
        self._output.mux(self._stream.encode(None))
        self._output.close()

    def take(self) -> bytes:
        """What was written since the last time."""
        return self._memory.take()

    def _laid_out(self, samples: Samples | Pcm) -> npt.NDArray[Any]:
        match self._format:
            case "s16":
                return _interleaved(as_integers(samples))
            case "flt":
                return _interleaved(as_floats(samples))
            case _:
                return np.ascontiguousarray(as_floats(samples))


class _Memory:
    """What FFmpeg writes to: bytes that can be taken away from the front."""

    def __init__(self, *, seekable: bool) -> None:
        self._buffer = io.BytesIO()
        self._taken = 0
        self._seekable = seekable

    def seekable(self) -> bool:
        return self._seekable

    def write(self, data: bytes) -> int:
        return self._buffer.write(data)

    def tell(self) -> int:
        return self._taken + self._buffer.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._taken + self._buffer.seek(offset - self._taken if whence == io.SEEK_SET else offset, whence)

    def reopen(self, _url: str, _flags: int, _options: Mapping[str, str]) -> io.BytesIO:
        """For the muxer that moves an M4A file's index to the front: it reads again what it has written."""
        return io.BytesIO(self._buffer.getvalue())

    def take(self) -> bytes:
        data = self._buffer.getvalue()
        self._taken += len(data)
        self._buffer = io.BytesIO()
        return data


def _interleaved(samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[C, n] -> [1, n * C]."""
    return np.ascontiguousarray(samples.T).reshape(1, -1)
