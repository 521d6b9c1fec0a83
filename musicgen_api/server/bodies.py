"""Bodies: bytes as they come -> the body, once it is there. Knows no socket; both kinds have one method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gunicorn.http.body import CHUNK_EXT_RE
from gunicorn.http.errors import (
    ChunkMissingTerminator,
    InvalidChunkExtension,
    InvalidChunkSize,
    InvalidHeader,
    LimitRequestHeaders,
)

LONGEST_SIZE_LINE = 1024
LONGEST_TRAILERS = 8192
"""Both in bytes: no client of this service has a reason for either."""


class LengthBody:
    """A body with a Content-Length; without one, of no bytes."""

    def __init__(self, length: int) -> None:
        self._length = length
        self.content = bytearray()

    def take(self, buffer: bytearray) -> bool:
        """Move what belongs to the body out of `buffer`; is the body complete?"""
        missing = self._length - len(self.content)
        self.content += buffer[:missing]
        del buffer[:missing]
        return len(self.content) == self._length


class ChunkedBody:
    """A body in chunks (RFC 9112, section 7.1), read strictly: what two readers could take for two things is refused.

    Args:
        check_trailers: called with the trailer section; raises one of gunicorn's errors if it is not valid.
    """

    def __init__(self, check_trailers: Callable[[bytes], Any]) -> None:
        self._check_trailers = check_trailers
        self._step = self._take_size
        self._missing = 0
        self._complete = False
        self.content = bytearray()

    def take(self, buffer: bytearray) -> bool:
        """Move what belongs to the body out of `buffer`; is the body complete?

        Raises:
            gunicorn.http.errors.ParseException: the chunks or the trailers are not valid.
        """
        while not self._complete and self._step(buffer):
            pass
        return self._complete

    # Each step returns whether it could be done; it also says which one follows.

    def _take_size(self, buffer: bytearray) -> bool:
        line = _take_line(buffer, LONGEST_SIZE_LINE)
        if line is None:
            return False
        size, semicolon, extension = line.partition(b";")
        digits = size.rstrip(b" \t") if semicolon else size
        if not digits or digits.strip(b"0123456789abcdefABCDEF"):
            raise InvalidChunkSize(digits)
        if semicolon and not CHUNK_EXT_RE.fullmatch(semicolon + extension):
            raise InvalidChunkExtension("not a list of names and values")
        self._missing = int(digits, 16)
        self._step = self._take_data if self._missing else self._take_trailers
        return True

    def _take_data(self, buffer: bytearray) -> bool:
        piece = buffer[: self._missing]
        del buffer[: self._missing]
        self.content += piece
        self._missing -= len(piece)
        if self._missing == 0:
            self._step = self._take_line_end
        return self._missing == 0

    def _take_line_end(self, buffer: bytearray) -> bool:
        if not b"\r\n".startswith(buffer[:2]):
            raise ChunkMissingTerminator(bytes(buffer[:2]))
        if len(buffer) < 2:
            return False
        del buffer[:2]
        self._step = self._take_size
        return True

    def _take_trailers(self, buffer: bytearray) -> bool:
        if buffer[:2] == b"\r\n":
            del buffer[:2]
            self._complete = True
            return True
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            if buffer.count(b"\n") != buffer.count(b"\r\n"):
                raise InvalidHeader("bare LF as line terminator")
            if len(buffer) > LONGEST_TRAILERS:
                raise LimitRequestHeaders("trailer section")
            return False
        self._check_trailers(bytes(buffer[:end]))
        del buffer[: end + 4]
        self._complete = True
        return True


def _take_line(buffer: bytearray, longest: int) -> bytes | None:
    """The next line without its end, None while it is not there. A line feed without a carriage return ends none."""
    end = buffer.find(b"\n", 0, longest + 2)
    if end < 0 and len(buffer) < longest + 2:
        return None
    if end < 1 or buffer[end - 1 : end] != b"\r":
        raise InvalidChunkSize(bytes(buffer[:20]))
    line = bytes(buffer[: end - 1])
    del buffer[: end + 1]
    return line
