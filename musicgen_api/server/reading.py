"""Bytes as they come from a client -> complete requests, or a refusal. Knows no socket and no clock.

A request's head is read by gunicorn's own parser, which is strict and well tried. It was written for sockets that wait;
here it reads a buffer, and is asked again when more has come.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import InvalidHeader, ParseException
from gunicorn.http.message import Request
from gunicorn.http.unreader import Unreader

from musicgen_api.server import refusals
from musicgen_api.server.bodies import ChunkedBody, LengthBody

LARGEST_HEAD_BYTES = 65_536
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""Not valid in a header (RFC 9110, section 5.5). gunicorn reads most of them, and fails if an answer repeats one."""


class RequestReader:
    """Of one connection, whose requests follow each other.

    Args:
        config: gunicorn's configuration, for the limits of the head.
        peer: the client's address, as the socket gives it.
        max_body_bytes: longest body that is read.
        larger_bodies: the same, for the paths that take more.
    """

    def __init__(
        self, config: Any, peer: Any, max_body_bytes: int, larger_bodies: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        self._config = config
        self._peer = peer
        self._max_body_bytes = max_body_bytes
        self._larger_bodies = larger_bodies
        self._buffer = bytearray()
        self._head: Any = None
        self._body: LengthBody | ChunkedBody = LengthBody(0)

    def feed(self, data: bytes) -> None:
        """Take what has come."""
        self._buffer += data

    @property
    def begun(self) -> bool:
        """A part of a request is there. An empty line, which some clients send after a request, is none."""
        return self._head is not None or not b"\r\n".startswith(self._buffer)

    @property
    def in_body(self) -> bool:
        """The head is complete and the body is not."""
        return self._head is not None

    @property
    def awaits_continue(self) -> bool:
        """The client holds its body back until it is told to go on (`Expect: 100-continue`)."""
        return self.in_body and self._head._expected_100_continue and not self._body.content and not self._buffer

    def tell_continued(self) -> None:
        """The client was told to go on."""
        self._head._expected_100_continue = False

    def forget(self) -> None:
        """Nothing of this connection is read any more."""
        self._buffer.clear()
        self._head, self._body = None, LengthBody(0)

    @property
    def is_head_request(self) -> bool:
        """The answer may have no body."""
        return self._head.method == "HEAD" if self.in_body else self._buffer.startswith(b"HEAD ")

    @property
    def path(self) -> str:
        """What the request asks for; empty before its head is complete."""
        return str(self._head.path) if self.in_body else ""

    @property
    def held_bytes(self) -> int:
        """What the unfinished request takes of memory."""
        return len(self._buffer) + len(self._body.content)

    def next_request(self) -> Any | None:
        """A `Request` of gunicorn's with its whole body in `body`, a stream in memory; None while there is none.

        Raises:
            RequestError: the bytes are not a request that can be served. Nothing after it can be read.
        """
        try:
            if self._head is None and not self._read_head():
                return None
            complete = self._body.take(self._buffer)
        except ParseException as error:
            raise refusals.of(error) from None
        if len(self._body.content) > self._longest(self._head):
            raise refusals.too_large()
        return self._finish() if complete else None

    def _read_head(self) -> bool:
        if not self.begun:
            return False
        source = _Buffered(self._buffer)
        try:
            head = Request(self._config, source, self._peer)
        except _Incomplete:
            if len(self._buffer) > LARGEST_HEAD_BYTES:
                raise refusals.refusal(431, "The request's headers are too long.") from None
            return False
        self._buffer = bytearray(source.take_buffered())
        self._head = head
        if any(_CONTROL.search(value) for _, value in head.headers):
            raise InvalidHeader("a control character in a value")
        self._body = self._framing(head)
        return True

    def _framing(self, head: Any) -> LengthBody | ChunkedBody:
        """Which bytes are the body. gunicorn decides, and refuses ambiguous requests."""
        reader = head.body.reader
        if isinstance(reader, ChunkedReader):
            return ChunkedBody(lambda trailers: head.parse_headers(trailers, from_trailer=True))
        assert isinstance(reader, LengthReader)
        if reader.length > self._longest(head):
            raise refusals.too_large()
        return LengthBody(reader.length)

    def _longest(self, head: Any) -> int:
        return self._larger_bodies.get(head.path, self._max_body_bytes)

    def _finish(self) -> Any:
        head, content = self._head, bytes(self._body.content)
        if isinstance(self._body, ChunkedBody):
            # The chunks are taken off, so that the application sees a body of known length (RFC 9112, section 7.1.3).
            head.headers = [field for field in head.headers if field[0] != "TRANSFER-ENCODING"]
            head.headers.append(("CONTENT-LENGTH", str(len(content))))
        head.body = io.BytesIO(content)
        head._expected_100_continue = False  # or gunicorn would send its own 100 now
        self._head, self._body = None, LengthBody(0)
        return head


class _Incomplete(Exception):
    """The parser has read all that has come and needs more."""


class _Buffered(Unreader):  # type: ignore[misc]
    """gunicorn's source of bytes, over those that have come."""

    def __init__(self, data: bytearray) -> None:
        super().__init__()
        self.unread(bytes(data))

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Called by the parser when it has read everything."""
        raise _Incomplete
