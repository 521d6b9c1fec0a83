"""Clients that no library would be: bytes on a socket, and exactly one answer read from it."""

from __future__ import annotations

import json
import re
import socket
import struct
from dataclasses import dataclass
from typing import Any

from tests.helpers.server import Server

ANSWER_S = 30.0


@dataclass
class Answer:
    """One answer of the service."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body, which has to be a JSON object and say so."""
        assert self.headers["content-type"] == "application/json", self.headers
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value


def connect(server: Server, sent: bytes = b"") -> socket.socket:
    """Open a connection and send `sent`."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=ANSWER_S)
    connection.sendall(sent)
    return connection


def read_answer(connection: socket.socket, *, bodiless: bool = False) -> Answer:
    """Read one answer with a Content-Length, and no byte more."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, f"closed after {head!r}"
        head += byte
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
    match = re.match(r"HTTP/1\.[01] (\d{3}) ", status)
    assert match, status
    body = b"" if bodiless else read_exactly(connection, int(headers.get("content-length", "0")))
    return Answer(int(match[1]), headers, body)


def read_exactly(connection: socket.socket, length: int) -> bytes:
    """Read `length` bytes."""
    parts = []
    while length:
        part = connection.recv(min(length, 65_536))
        assert part, f"closed {length} bytes too early"
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def ask(server: Server, sent: bytes, *, bodiless: bool = False) -> Answer:
    """Send bytes on a connection of their own and read one answer."""
    with connect(server, sent) as connection:
        return read_answer(connection, bodiless=bodiless)


def post(path: str, body: bytes, *headers: str) -> bytes:
    """A POST of JSON, as bytes."""
    lines = [f"POST {path} HTTP/1.1", "Host: test", "Content-Type: application/json", *headers]
    if not any(header.lower().startswith("transfer-encoding:") for header in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def get(path: str, *headers: str) -> bytes:
    """A GET, as bytes."""
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: test", *headers, "", ""]).encode()


def is_closed(connection: socket.socket) -> bool:
    """The service has closed the connection without another word. Waits for it."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def reset(connection: socket.socket) -> None:
    """Close with a reset instead of a farewell, as a process that is killed may do."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
