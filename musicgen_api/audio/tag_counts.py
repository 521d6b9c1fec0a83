"""Files that are made of tags: FFmpeg keeps tags in a list and looks through all of it for each new one.

40,000 of them take 20 s, twice as many take four times as long, and all of it is one call that nothing interrupts. So
they are counted before FFmpeg sees the file. In some containers they are counted by the bytes that each of them must
have; sound may look like that by chance, but far less often than the limit allows.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice

MOST_TAGS = 4_000
"""FFmpeg takes a fraction of a second for them. Honest files have some dozen."""
_MOST_BLOCKS = 10_000
"""Chunks of WAV, blocks of FLAC: more than any file has."""
_MOST_PAGES = 200_000
"""Pages of Ogg: ten minutes have 60,000 where each packet has a page of its own."""
_MOST_WRONG_PAGES = 1_000
_LONG_PACKET = 65_536
"""Bytes. Comments in shorter packets are read in no time, however many they are."""
# A name and the first byte of its size, which is below 16 MB (64 kB in version 2.2). FFmpeg takes any name with a T.
_ID3_FRAME = re.compile(rb"T[^\x00]{2,3}\x00|[A-Z][A-Z0-9]{2,3}\x00", re.DOTALL)
_MP4_TAG = re.compile(rb"data\x00\x00\x00|\xa9[A-Za-z]{3}|----|mdta")
_WEBM_TAG = re.compile(rb"\x67\xc8|\x73\xc4")
"""SimpleTag and ChapterUID."""


def has_too_many_tags(file: bytes, container: str) -> bool:
    """Whether FFmpeg's demuxer `container` would find more than `MOST_TAGS` tags in the file."""
    match container:
        case "wav":
            found: Iterable[object] = _wav_infos(memoryview(file))
        case "flac":
            return _counts_too_much(_flac_comments(file)) or _more_than(_id3_frames(file), MOST_TAGS)
        case "ogg":
            try:
                return _counts_too_much(_ogg_comments(packet) for packet in _long_packets(file))
            except _TooManyPages:
                return True
        case "mp3":
            found = _id3_frames(file)
        case "mp4":
            found = _MP4_TAG.finditer(file)
        case _:
            found = _WEBM_TAG.finditer(file)
    return _more_than(found, MOST_TAGS)


def id3_size(file: bytes, at: int = 0) -> int:
    """How long the ID3v2 tag at `at` is: ten bytes, and what four times seven bits say."""
    size = 0
    for byte in file[at + 6 : at + 10]:
        size = size << 7 | byte & 0x7F
    return 10 + size


def _more_than(found: Iterable[object], most: int) -> bool:
    return next(islice(found, most, None), None) is not None


def _counts_too_much(counts: Iterator[int]) -> bool:
    """Whether the counts, or their number, are beyond what is read."""
    total = 0
    for number, count in enumerate(counts):
        total += count
        if total > MOST_TAGS or number > _MOST_BLOCKS:
            return True
    return False


def _id3_frames(file: bytes) -> Iterator[re.Match[bytes]]:
    """Of all ID3v2 tags at the beginning, one behind the other."""
    end = 0
    while file[end : end + 3] == b"ID3":
        end += id3_size(file, end)
    return _ID3_FRAME.finditer(file, 0, end)


def _wav_infos(wav: memoryview) -> Iterator[object]:
    """Every entry of a LIST, and every chunk beyond those that a file may have."""
    for number, (name, body) in enumerate(_riff_chunks(wav, 12)):
        if name == b"data" and not body:
            return  # a stream, whose sound goes on to the end
        if number > _MOST_BLOCKS:
            yield name
        elif name == b"LIST":
            yield from _riff_chunks(body, 4)


def _riff_chunks(riff: memoryview, at: int) -> Iterator[tuple[bytes, memoryview]]:
    while at + 8 <= len(riff):
        name, size = struct.unpack_from("<4sI", riff, at)
        yield name, riff[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _flac_comments(file: bytes) -> Iterator[int]:
    """How many comments each metadata block has."""
    at = 0
    while file[at : at + 3] == b"ID3":
        at += id3_size(file, at)
    at += 4  # fLaC
    last = False
    while not last and at + 4 <= len(file):
        kind, size = file[at], int.from_bytes(file[at + 1 : at + 4], "big")
        last = kind >= 0x80
        yield _comments_at(file[at + 4 : at + 4 + size], 0) if kind & 0x7F == 4 else 0
        at += 4 + size


def _comments_at(packet: bytes, at: int) -> int:
    """How many Vorbis comments there are if they begin at `at`: a vendor, a number, then each with its length."""
    vendor = int.from_bytes(packet[at : at + 4], "little")
    begin = at + 4 + vendor
    count = int.from_bytes(packet[begin : begin + 4], "little")
    return min(count, max(len(packet) - begin - 4, 0) // 4)


def _ogg_comments(packet: bytes) -> int:
    """The same for a packet of Ogg; where they begin depends on the codec."""
    known = [len(mark) for mark in (b"OpusTags", b"\x03vorbis") if packet.startswith(mark)]
    return max(_comments_at(packet, at) for at in known or (0, 4, 6, 7, 8))


class _TooManyPages(Exception):
    """The file has more pages than any honest one."""


def _long_packets(ogg: bytes) -> Iterator[bytes]:
    """Of a file, whose packets may span pages: those that are longer than sound ever is."""
    begun: dict[bytes, list[bytes]] = {}  # by the stream's number
    for page in _pages(ogg):
        lengths = page[27 : 27 + page[26]]
        parts = begun.setdefault(page[14:18], [])
        going_on = len(lengths) - len(lengths.lstrip(b"\xff"))  # a length below 255 ends a packet
        body = page[27 + len(lengths) :]
        parts.append(body[: sum(lengths[: going_on + 1])])
        if going_on < len(lengths):
            if sum(map(len, parts)) > _LONG_PACKET:
                yield b"".join(parts)
            parts[:] = [body[len(body) - 255 * (len(lengths) - len(lengths.rstrip(b"\xff"))) :]]


def _pages(ogg: bytes) -> Iterator[bytes]:
    """Those that FFmpeg takes for pages: their checksums are right. Raises `_TooManyPages`."""
    at = pages = wrong = 0
    while (at := ogg.find(b"OggS", at)) >= 0 and at + 27 <= len(ogg):
        size = 27 + ogg[at + 26] + sum(ogg[at + 27 : at + 27 + ogg[at + 26]])
        page = ogg[at : at + size]
        if _checksum(page[:22] + bytes(4) + page[26:]) == page[22:26]:
            yield page
            at, pages = at + size, pages + 1
        else:
            at, wrong = at + 4, wrong + 1
        if pages > _MOST_PAGES or wrong > _MOST_WRONG_PAGES:
            raise _TooManyPages


def _checksum(page: bytes) -> bytes:
    """As it stands in the page (RFC 3533, section 6): zlib's polynomial, but every byte with its highest bit first."""
    crc = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return crc.to_bytes(4, "big").translate(_REVERSED)


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
