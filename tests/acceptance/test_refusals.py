"""What is no HTTP, or not HTTP for this service, is the client's error, in the service's one shape.

All of it is answered before or around the application, by the front or by Werkzeug.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest

from tests.helpers.server import Server
from tests.helpers.sockets import Answer, ask, connect, get, is_closed, post, read_answer

CHUNKED = "Transfer-Encoding: chunked"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a service that loads no model: none of these requests reaches one."""
    settings = {"MUSICGEN_PRELOAD": "false", "MUSICGEN_CLIENT_TIMEOUT_S": "2"}
    with Server(settings, tmp_path_factory.mktemp("refusals") / "log") as server:
        (worker,) = server.worker_pids
        yield server
        assert server.worker_pids == [worker]
        assert "Traceback" not in server.log


def assert_refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.json["code"]) == (status, code)
    assert set(answer.json) == {"error", "code"}
    assert answer.json["error"].endswith(".")


def with_line(line: str) -> bytes:
    return f"{line}\r\nHost: test\r\n\r\n".encode("latin-1")


def with_header(header: str) -> bytes:
    return f"POST /generate HTTP/1.1\r\nHost: test\r\n{header}\r\n\r\n".encode("latin-1")


HEADS = {
    "no version": (400, "bad_request", with_line("GET /")),
    "a version that is none": (400, "bad_request", with_line("GET / HTTP/x")),
    "HTTP/0.9": (505, "http_version_not_supported", with_line("GET / HTTP/0.9")),
    "HTTP/2": (505, "http_version_not_supported", with_line("GET / HTTP/2.0")),
    "a lower-case method": (400, "bad_request", with_line("get / HTTP/1.1")),
    "no path": (400, "bad_request", with_line("GET x HTTP/1.1")),
    "TLS": (400, "bad_request", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n"),
    "line feeds alone": (400, "bad_request", b"GET / HTTP/1.1\nHost: test\n\n"),
    "a long line": (414, "request_uri_too_long", with_line(f"GET /{'x' * 9000} HTTP/1.1")),
    "a long line without an end": (414, "request_uri_too_long", b"GET /" + b"x" * 9000),
    "a long header": (431, "request_header_fields_too_large", with_header(f"X-Long: {'x' * 9000}")),
    "many headers": (431, "request_header_fields_too_large", with_header("\r\n".join(["X: 1"] * 200))),
    "headers without an end": (
        431,
        "request_header_fields_too_large",
        b"GET / HTTP/1.1\r\n" + b"X-More: 1234567890\r\n" * 4000,
    ),
    "a header without a colon": (400, "bad_request", with_header("X")),
    "a space before the colon": (400, "bad_request", with_header("X : 1")),
    "a folded header": (400, "bad_request", with_header("X: 1\r\n 2")),
    "a control character": (400, "bad_request", with_header("X: \x00")),
    "two hosts": (400, "bad_request", with_header("Host: other")),
    "two lengths": (400, "bad_request", with_header("Content-Length: 2\r\nContent-Length: 3")),
    "a negative length": (400, "bad_request", with_header("Content-Length: -1")),
    "a length that is no number": (400, "bad_request", with_header("Content-Length: ten")),
    "a length of 5,000 digits": (400, "bad_request", with_header("Content-Length: " + "9" * 5000)),
    "an enormous length": (413, "request_entity_too_large", with_header("Content-Length: 99999999999999999999")),
    "length and chunks": (400, "bad_request", with_header(f"Content-Length: 2\r\n{CHUNKED}")),
    "chunks of HTTP/1.0": (400, "bad_request", f"POST / HTTP/1.0\r\n{CHUNKED}\r\n\r\n".encode()),
    "an unknown transfer coding": (501, "not_implemented", with_header("Transfer-Encoding: br")),
    "chunked twice": (400, "bad_request", with_header("Transfer-Encoding: chunked, chunked")),
    "gzip without chunks": (400, "bad_request", with_header("Transfer-Encoding: gzip")),
    "another expectation": (417, "expectation_failed", with_header("Expect: a miracle")),
}
BODIES = {
    "a size that is no number": b"zz\r\n{}\r\n0\r\n\r\n",
    "a signed size": b"+2\r\n{}\r\n0\r\n\r\n",
    "a size with 0x": b"0x2\r\n{}\r\n0\r\n\r\n",
    "no size": b"\r\n{}\r\n0\r\n\r\n",
    "a space after the size": b"2 \r\n{}\r\n0\r\n\r\n",
    "a line feed after the size": b"2\n{}\r\n0\r\n\r\n",
    "a bad extension": b"2;=\r\n{}\r\n0\r\n\r\n",
    "an endless extension": b"2;x=" + b"x" * 5000,
    "no line end after a chunk": b"2\r\n{}0\r\n\r\n",
    "a chunk longer than its size": b"2\r\n{} \r\n0\r\n\r\n",
    "a chunk shorter than its size": b"4\r\n{}\r\n0\r\n\r\n",
    "a trailer without a colon": b"2\r\n{}\r\n0\r\nX\r\n\r\n",
    "a trailer with a bad name": b"2\r\n{}\r\n0\r\nX Y: 1\r\n\r\n",
    "a trailer with a bad value": b"2\r\n{}\r\n0\r\nX: \x01\r\n\r\n",
    "a length in the trailer": b"2\r\n{}\r\n0\r\nContent-Length: 2\r\n\r\n",
    "line feeds in the trailer": b"2\r\n{}\r\n0\r\nX: 1\n\n",
}


@pytest.mark.parametrize(("status", "code", "sent"), HEADS.values(), ids=HEADS)
def test_a_head_that_cannot_be_served_is_refused_in_the_service_s_shape(
    server: Server, status: int, code: str, sent: bytes
) -> None:
    with connect(server, sent) as connection:
        answer = read_answer(connection)
        assert_refused(answer, status, code)
        assert answer.headers["connection"] == "close"
        assert is_closed(connection)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("path", ["/generate", "/api/music", "/nowhere"])
def test_chunks_that_are_not_valid_are_the_client_s_error(server: Server, path: str, body: bytes) -> None:
    assert_refused(ask(server, post(path, body, CHUNKED)), 400, "bad_request")


@pytest.mark.parametrize(
    "body",
    [
        b"2\r\n{}\r\n0\r\n\r\n",
        b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
        b'00002;a;b=c;d="e f" \r\n{}\r\n0\r\n\r\n'.replace(b'" ', b'"'),
        b"2\r\n{}\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n",
    ],
)
def test_chunks_that_are_valid_are_read(server: Server, body: bytes) -> None:
    with connect(server, post("/generate", body, CHUNKED)) as connection:
        answer = read_answer(connection)
        assert (answer.status, answer.json["code"]) == (422, "invalid_fields")
        connection.sendall(get("/livez"))  # and the next request begins where the body ended
        assert read_answer(connection).status == 200


@pytest.mark.parametrize("path", ["/generate", "/api/music"])
def test_chunks_over_the_limit_are_413(server: Server, path: str) -> None:
    body = b"10000\r\n" + b" " * 65_536 + b"\r\n2\r\n{}\r\n0\r\n\r\n"
    assert_refused(ask(server, post(path, body, CHUNKED)), 413, "request_entity_too_large")


@pytest.mark.parametrize("path", ["/generate", "/api/music"])
@pytest.mark.parametrize("coding", ["br", "gzip", "identity, br", "x"])
def test_a_compressed_body_is_415(server: Server, path: str, coding: str) -> None:
    answer = ask(server, post(path, b"{}", f"Content-Encoding: {coding}"))
    assert_refused(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("coding", ["identity", ""])
def test_a_body_that_is_said_not_to_be_compressed_is_read(server: Server, coding: str) -> None:
    assert ask(server, post("/generate", b"{}", f"Content-Encoding: {coding}")).status == 422


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (get("/nowhere"), 404, "not_found"),
        (get("/generate"), 405, "method_not_allowed"),
        (with_line("FETCH /livez HTTP/1.1"), 405, "method_not_allowed"),
        (with_line("CONNECT / HTTP/1.1"), 405, "method_not_allowed"),
        (get("/api//healthcheck"), 308, "redirect"),
        (post("/api//music", b"{}"), 308, "redirect"),
        (get("/%00"), 404, "not_found"),
        (get("/static/%2e%2e/app.py"), 404, "not_found"),
    ],
)
def test_what_werkzeug_answers_by_itself_has_the_shape_too(server: Server, sent: bytes, status: int, code: str) -> None:
    answer = ask(server, sent)
    assert_refused(answer, status, code)
    assert ("location" in answer.headers) == (status == 308)


@pytest.mark.parametrize(
    "header",
    [
        "Host: a b",
        "Host: [",
        "Host: \xff",
        "Script_Name: /x",
        "Script-Name: /x",
        "X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off",
    ],
)
def test_a_header_that_lies_is_the_client_s_error_or_ignored(server: Server, header: str) -> None:
    sent = f"GET /livez HTTP/1.1\r\n{header}\r\n\r\n".encode("latin-1")
    answer = ask(server, sent)
    assert answer.status in (200, 400, 421)
    assert isinstance(answer.json, dict)


def test_a_refusal_of_a_head_request_has_no_body(server: Server) -> None:
    with connect(server, b"HEAD / HTTP/1.1\r\nX\r\n\r\n") as connection:
        assert read_answer(connection, bodiless=True).status == 400
        assert is_closed(connection)


def test_a_thousand_mutilated_requests_get_the_answer_of_a_client_s_error_or_none(server: Server) -> None:
    """Cut, repeat, swap and spoil what would be valid; the seed makes it the same every time."""
    chance = random.Random(10)
    valid = [
        get("/livez"),
        post("/generate", b'{"prompt": 1}'),
        post("/api/music", b'5\r\n{"a":\r\n2\r\n1}\r\n0\r\nX: 1\r\n\r\n', CHUNKED),
    ]
    for _ in range(1000):
        sent = bytearray(chance.choice(valid))
        for _ in range(chance.randint(1, 4)):
            begin = chance.randrange(len(sent))
            piece = sent[begin : begin + chance.randint(1, 12)]
            sent[begin : begin + chance.randint(0, 12)] = chance.choice(
                [b"", piece * 3, bytes(reversed(piece)), chance.randbytes(3), b"\r\n", b"\x00", b":", b"0"]
            )
        with connect(server, bytes(sent) + b"\r\n\r\n") as connection:
            connection.shutdown(1)
            received = b""
            while data := connection.recv(65_536):
                received += data
        if received:
            assert received.startswith(b"HTTP/1.1 ")
            # 501 and 505 are what HTTP has for a transfer coding or a version that a server does not know.
            assert received[9:10] in b"234" or received[9:12] in (b"501", b"505"), sent
            _, _, body = received.partition(b"\r\n\r\n")
            if received[9:10] in b"45":
                assert {"error", "code"} <= set(json.JSONDecoder().raw_decode(body.decode())[0]), sent
