"""WAV files. Pure: no files on disk, no state; knows numpy, no torch.

What a file says of itself follows the sound in chunks of its own: the first 44 bytes are those of the plainest WAV.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping
from itertools import islice

import numpy as np
import numpy.typing as npt
import soundfile

from musicgen_api.audio import level
from musicgen_api.audio.level import PEAK, Pcm
from musicgen_api.audio.shape import fit
from musicgen_api.audio.tags import COMMENT, MAKER, RECIPE, TITLE

__all__ = ["PEAK", "encode_wav", "find_recipe", "streamed_header", "wav_file", "with_tags"]

_RECIPE_CHUNK = b"mgen"
_INFO_NAMES = {TITLE: b"INAM", COMMENT: b"ICMT", MAKER: b"ISFT"}
_MOST_CHUNKS = 10_000
"""More than any file has; a file made of empty chunks holds nobody up."""
_UNKNOWN_SIZE = 0xFFFFFFFF
"""What a stream says whose end is not known when it begins; FFmpeg, sox and browsers read it as "until the end"."""
_UNKNOWN_SIZES = (_UNKNOWN_SIZE, 0x7FFFFFFF)
"""What others say, give or take the length of their header."""


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
    level.check(waveform)
    samples = level.scale_down(fit(waveform, sample_rate * duration_s))
    return wav_file(level.quantise(samples), sample_rate)


def wav_file(pcm: Pcm, sample_rate: int) -> bytes:
    """The samples [C, T] as a WAV file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, pcm.T, sample_rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def streamed_header(sample_rate: int, channels: int) -> bytes:
    """The 44 bytes before samples whose number is not known yet."""
    header = wav_file(np.zeros((channels, 0), np.int16), sample_rate)
    unknown = struct.pack("<I", _UNKNOWN_SIZE)
    return header[:4] + unknown + header[8:40] + unknown


def with_tags(wav: bytes, tags: Mapping[str, str]) -> bytes:
    """The file with a LIST/INFO chunk for players and a chunk of our own for the recipe, behind the sound."""
    info = b"".join(_chunk(name, tags[key].encode() + b"\0") for key, name in _INFO_NAMES.items() if key in tags)
    added = _chunk(b"LIST", b"INFO" + info) if info else b""
    if RECIPE in tags:
        added += _chunk(_RECIPE_CHUNK, tags[RECIPE].encode())
    return wav[:4] + struct.pack("<I", len(wav) + len(added) - 8) + wav[8:] + added


def find_recipe(wav: bytes) -> bytes | None:
    """The recipe's chunk in anybody's WAV file; None where the file has none."""
    chunks = islice(_chunks(memoryview(wav)), _MOST_CHUNKS)
    return next((bytes(body) for name, _, body in chunks if name == _RECIPE_CHUNK), None)


def is_cut_off(wav: bytes) -> bool:
    """Whether a tenth or more of the sound that the header speaks of is missing. A stream's unknown size is none."""
    for name, size, body in islice(_chunks(memoryview(wav)), _MOST_CHUNKS):
        if name == b"data":
            return len(body) < 0.9 * size and not any(0 <= most - size < 4096 for most in _UNKNOWN_SIZES)
    return False


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _chunks(wav: memoryview) -> Iterator[tuple[bytes, int, memoryview]]:
    """Names, sizes by the header, and bodies; the last body may be cut off."""
    at = 12
    while at + 8 <= len(wav):
        name, size = struct.unpack_from("<4sI", wav, at)
        yield name, size, wav[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
