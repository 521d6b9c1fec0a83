"""Anybody's file is opened by FFmpeg: one demuxer that the file's first bytes choose, and nothing else.

No guessing among FFmpeg's 300 demuxers (some of them open other files: playlists, concatenations), no protocol, no
second file, no decoder that is not for sound. This module knows how to open a file, not what is done with its sound.
"""

from __future__ import annotations

import enum
import io
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

import av
from av.container import InputContainer

from musicgen_api.audio import mp4_boxes
from musicgen_api.audio.tag_counts import has_too_many_tags, id3_size


class UnreadableSound(ValueError):
    """A file's sound cannot be had. The text is a sentence for the file's sender."""


class Container(enum.StrEnum):
    """The containers that are read; the values are FFmpeg's names of their demuxers."""

    WAV = "wav"
    FLAC = "flac"
    MP3 = "mp3"
    OGG = "ogg"
    MP4 = "mp4"
    WEBM = "webm"

    @property
    def spelling(self) -> str:
        """As people write it."""
        return {Container.OGG: "Ogg", Container.WEBM: "WebM"}.get(self, self.upper())


DECODERS = frozenset(
    {
        *("aac", "alac", "flac", "mp3", "mp3float", "opus", "vorbis"),
        *("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_alaw", "pcm_mulaw"),
        *("pcm_s16be", "pcm_s24be", "pcm_s32be", "pcm_f32be", "pcm_f64be"),
    }
)
"""FFmpeg's decoders that run on a stranger's file. Not the experimental ones, and none for pictures."""


def sniff(file: bytes) -> Container | None:
    """What the first bytes say that the file is; None for everything that is not read here."""
    if file[:3] == b"ID3":  # in front of MP3, and now and then of FLAC
        return Container.FLAC if file[id3_size(file) :][:4] == b"fLaC" else Container.MP3
    if file[:4] == b"RIFF" and file[8:12] == b"WAVE":
        return Container.WAV
    if file[:4] == b"\x1aE\xdf\xa3":  # EBML; Matroska in general is not meant
        return Container.WEBM if b"webm" in file[:64] else None
    if file[4:8] == b"ftyp":
        return Container.MP4
    starts = {b"fLaC": Container.FLAC, b"OggS": Container.OGG}
    return starts.get(file[:4]) or (Container.MP3 if _is_mpeg_frame(file[:3]) else None)


@contextmanager
def opened(file: bytes, container: Container, timeout_s: float) -> Iterator[InputContainer]:
    """The file, open. `timeout_s` bounds the time that opening takes, and that of all reading after it.

    Raises:
        UnreadableSound: FFmpeg cannot make sense of it, now or while the file is open.
    """
    only = {
        "protocol_whitelist": "",
        "format_whitelist": container.value,
        "codec_whitelist": ",".join(sorted(DECODERS)),
    }
    if container is Container.MP4 and mp4_boxes.claims_too_much(file):
        raise UnreadableSound("Its index is damaged, or of a kind that is not read.")
    if has_too_many_tags(file, container.value):
        raise UnreadableSound("It has too many tags, or is made of too many parts.")
    memory = _Timed(file, timeout_s)
    try:
        with av.open(
            memory,
            "r",
            format=container.value,
            container_options=only,
            io_open=_refuse_to_open,
            metadata_errors="replace",
            timeout=timeout_s,
        ) as opened_file:
            memory.start_clock()
            yield opened_file
    except av.ExitError as error:
        raise UnreadableSound("It takes too long to read.") from error
    except (av.FFmpegError, UnicodeError) as error:
        raise UnreadableSound(
            f"It cannot be read as {container.spelling}: it is damaged, or something else."
        ) from error


def read_tag(file: bytes, container: Container, name: str) -> str | None:
    """A tag of the file or of its first stream of sound; None where there is none, or no way to read it."""
    try:
        with opened(file, container, timeout_s=5) as sound:
            stream_tags = sound.streams.audio[0].metadata if sound.streams.audio else {}
            return next((text for key, text in (stream_tags | sound.metadata).items() if key.upper() == name), None)
    except UnreadableSound:
        return None


def _is_mpeg_frame(start: bytes) -> bool:
    """Whether a frame of MPEG audio, layer III, can begin so: eleven bits of sync, then no reserved value."""
    if len(start) < 3 or start[0] != 0xFF or start[1] & 0xE0 != 0xE0:
        return False
    version, layer, bit_rate, rate = start[1] >> 3 & 3, start[1] >> 1 & 3, start[2] >> 4, start[2] >> 2 & 3
    return version != 1 and layer == 1 and bit_rate not in (0, 15) and rate != 3


class _Timed(io.BytesIO):
    """A file that FFmpeg may read for some time. Its own time-out knows nothing of files in memory."""

    def __init__(self, file: bytes, timeout_s: float) -> None:
        super().__init__(file)
        self._timeout_s = timeout_s
        self.start_clock()

    def start_clock(self) -> None:
        """The time begins anew."""
        self._deadline = time.monotonic() + self._timeout_s

    def read(self, size: int | None = -1, /) -> bytes:
        """As any file. Raises `UnreadableSound` when the time is over."""
        if time.monotonic() > self._deadline:
            raise UnreadableSound("It takes too long to read.")
        return super().read(size)


def _refuse_to_open(url: str, _flags: int, _options: Mapping[str, str]) -> NoReturn:
    raise PermissionError(f"a file must not name another one: {url[:100]!r}")
