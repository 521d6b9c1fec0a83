"""Bytes that are almost HTTP, on a real socket: each answer blames the client, and the service goes on."""

from __future__ import annotations

import re
import select
import socket

from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.generated import examples
from tests.helpers.server import Server

BODY = b'{"description": "piano", "duration": 1, "x": 1}'  # refused, so that no music delays the next one
LINES = [
    b"POST /api/music HTTP/1.1",
    b"Host: test",
    b"Content-Type: application/json",
    b"Content-Length: %d" % len(BODY),
    b"Connection: close",
]
ODD_LINES = [
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding:\x0bchunked",
    b"Content-Length: 5, 5",
    b"Content-Length: +5",
    b"Content-Length: 99999999999999999999999",
    b"Content-Length: -1",
    b"Content-Length: \xb2",
    b"Expect: 100-continue",
    b"Expect: something",
    b"Host: other",
    b"Host: [",
    b" folded",
    b"no-colon",
    b": empty",
    b"X: \x00",
    b"X\xff: y",
    b"Upgrade: h2c",
    b"Connection: Upgrade, HTTP2-Settings",
    b"X: " + b"y" * 9000,
    b"Accept: application/openmetrics-text; version=9.\x01",
    b"Access-Control-Request-Headers: \x7f",
    b"X-Request-Id: \x1b[31m",
    b"Origin: null",
]
STARTS = [
    b"GET /livez HTTP/1.1",
    b"GET /metrics HTTP/1.1",
    b"OPTIONS /api/music HTTP/1.1",
    b"HEAD / HTTP/1.0",
    b"OPTIONS * HTTP/1.1",
    b"CONNECT a:1 HTTP/1.1",
    b"GET http://test/livez HTTP/1.1",
    b"GET http://[::1/ HTTP/1.1",
    b"GET //livez HTTP/1.1",
    b"GET /%00%ff%zz?%ff=%00 HTTP/1.1",
    b"GET /\xff HTTP/1.1",
    b"GET /static/../../settings.py HTTP/1.1",
    b"GET /static/%2e%2e/%2e%2e/wsgi.py HTTP/1.1",
    b"GET /livez HTTP/2.0",
    b"GET /livez",
    b"PRI * HTTP/2.0",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"POST /api/recipe HTTP/1.1",
]
BODIES = [
    BODY,
    b"",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"5;a=b;c\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b"5\nhello\n0\n\n",
    b"fffffffffffffffffff\r\nhello",
    b"-1\r\n\r\n",
    b"5\r\nhelloX",
    b"0\r\n" + b"T: x\r\n" * 2000,
]
ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) ")
NOT_HERE = {501, 505}
"""Transfer codings and versions of HTTP that the service does not speak."""


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    lines = list(LINES)
    if draw(st.booleans()):
        lines[0] = draw(st.sampled_from(STARTS))
    for line in draw(st.lists(st.sampled_from(ODD_LINES), max_size=3)):
        lines.insert(draw(st.integers(0, len(lines))), line)
    if draw(st.booleans()):
        del lines[draw(st.integers(0, len(lines) - 1))]
    end = draw(st.sampled_from([b"\r\n"] * 6 + [b"\n", b"\r"]))
    whole = bytearray(end.join([*lines, b"", draw(st.sampled_from(BODIES))]))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 3]))):
        whole[draw(st.integers(0, len(whole) - 1))] = draw(st.integers(0, 255))
    return bytes(whole) * draw(st.sampled_from([1, 1, 1, 2]))


def answers(connection: socket.socket) -> bytes:
    """What has come, and what comes at once."""
    parts = []
    while select.select([connection], [], [], 0.02)[0]:
        try:
            part = connection.recv(65_536)
        except ConnectionResetError:
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def test_no_bytes_are_answered_with_a_fault_of_the_service(served: Server) -> None:
    @examples(share=0.05, in_ci=60)
    @given(requests())
    def send(request: bytes) -> None:
        with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
            connection.sendall(request)
            assert served.get("/livez").status_code == 200
            statuses = {int(status) for status in ANSWER.findall(answers(connection))}
        assert all(status < 500 or status in NOT_HERE for status in statuses), statuses

    send()
