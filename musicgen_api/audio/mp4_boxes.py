"""Boxes of MP4 files (ISO/IEC 14496-12): the one with the recipe, and those that lie about how long the index is.

The recipe is a user-extension box (`uuid`) behind all others. Players skip it. FFmpeg's muxer writes the title and the
comment, but no tag of a name of one's own beside them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from itertools import islice

_RECIPE_BOX = b"musicgen" + bytes.fromhex("8c51a84e0b7d4f63")
"""The type of the box: 16 bytes that nobody else uses."""
_HEADER = 8
_MOST_BOXES = 10_000
"""More than any file has on its first level; a file made of empty boxes holds nobody up."""
_MOST_SAMPLES = 2**20
"""More packets than six hours of sound have; FFmpeg takes 40 MB for them."""
_TABLES = re.compile(rb"cmov|trun|stsz|stz2")


def recipe_box(recipe: bytes) -> bytes:
    """To be appended to the file."""
    return struct.pack(">I4s", _HEADER + len(_RECIPE_BOX) + len(recipe), b"uuid") + _RECIPE_BOX + recipe


def find_recipe(mp4: bytes) -> bytes | None:
    """The recipe in anybody's MP4 file; None where the file has none."""
    for name, body in islice(_boxes(memoryview(mp4)), _MOST_BOXES):
        if name == b"uuid" and body[: len(_RECIPE_BOX)] == _RECIPE_BOX:
            return bytes(body[len(_RECIPE_BOX) :])
    return None


def claims_too_much(mp4: bytes) -> bool:
    """Whether FFmpeg would fill gigabytes with an index that a few bytes of the file claim.

    Its demuxer believes the number of samples in `stsz`, `stz2` and `trun`, whatever the file's length. Only the sound
    itself is not searched for these names: inside it they mean nothing.
    """
    in_fragments = 0
    for name, body in islice(_boxes(memoryview(mp4)), _MOST_BOXES):
        for found in _TABLES.finditer(body if name != b"mdat" else b""):
            match found.group():
                case b"cmov":  # a compressed index: nobody writes it, and nobody can see what it claims
                    return True
                case b"trun":
                    in_fragments += _integer(body, found.end() + 4)
                case _:
                    if _integer(body, found.end() + 8) > _MOST_SAMPLES:
                        return True
    return in_fragments > _MOST_SAMPLES


def _integer(body: memoryview, at: int) -> int:
    return int.from_bytes(body[at : at + 4], "big")


def _boxes(mp4: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Names and bodies of the boxes of the first level; the last one may be cut off. As lenient as FFmpeg."""
    at = 0
    while at + _HEADER <= len(mp4):
        size, name = struct.unpack_from(">I4s", mp4, at)
        header = _HEADER
        if size == 1 and at + 16 <= len(mp4):  # the real size follows, in 64 bits
            size, header = struct.unpack_from(">Q", mp4, at + 8)[0], 16
        if size == 0:
            size = len(mp4) - at
        if size < header:
            return
        yield name, mp4[at + header : at + size]
        at += size
