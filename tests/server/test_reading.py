"""However the bytes are cut on their way, the same requests come out, or the same refusal."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from gunicorn.config import Config
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import HTTP_STATUS_CODES

from musicgen_api.domain.errors import Overloaded, RequestError
from musicgen_api.server import reading, refusals
from musicgen_api.server.reading import RequestReader
from musicgen_api.server.refusals import CODES
from tests.helpers.sockets import get, post

CHUNKED = "Transfer-Encoding: chunked"
PEER = ("127.0.0.1", 1)
REQUESTS = [
    (get("/livez"), b""),
    (post("/generate", b'{"a": 1}'), b'{"a": 1}'),
    (post("/generate", b"3;x=1\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", CHUNKED), b"abc0123456789"),
    (post("/generate", b"3\r\nabc\r\n0\r\nX: 1\r\n\r\n", CHUNKED), b"abc"),
    (b"\r\n" + get("/"), b""),
]
BAD = [
    (b"GET / HTTP/1.1\nX: 1\n\n", 400),
    (post("/", b"3\r\nabcX0\r\n\r\n", CHUNKED), 400),
    (post("/", b"g\r\n", CHUNKED), 400),
    (post("/", b"0\r\nX\r\n\r\n", CHUNKED), 400),
    (post("/", b"x" * 2000), 413),
    (post("/", b"500\r\n" + b"x" * 0x500 + b"\r\n0\r\n\r\n", CHUNKED), 413),
    (post("/", b"", "Expect: more"), 417),
    (get("/metrics", "Accept: application/openmetrics-text; version=9.\x01"), 400),
    (post("/", b"{}", "Origin: \x7f"), 400),
]


def reader(max_body_bytes: int = 1000) -> RequestReader:
    return RequestReader(Config(), PEER, max_body_bytes)


def read_all(one: RequestReader, pieces: list[bytes]) -> list[Any]:
    found = []
    for piece in pieces:
        one.feed(piece)
        while (request := one.next_request()) is not None:
            found.append(request)
    return found


def cut(sent: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(sent) + 1) for place in places} | {0, len(sent)})
    return [sent[begin:end] for begin, end in itertools.pairwise(ends)]


@given(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=4), st.lists(st.integers(0, 10_000), max_size=30))
def test_requests_come_out_whole_and_in_order_wherever_their_bytes_are_cut(
    sent: list[tuple[bytes, bytes]], places: list[int]
) -> None:
    one = reader()
    found = read_all(one, cut(b"".join(wire for wire, _ in sent), places))
    assert [request.body.read() for request in found] == [body for _, body in sent]
    assert not one.begun
    assert one.held_bytes == 0


@given(st.sampled_from(BAD), st.lists(st.integers(0, 10_000), max_size=30))
def test_what_is_not_valid_is_refused_wherever_it_is_cut(bad: tuple[bytes, int], places: list[int]) -> None:
    sent, status = bad
    with pytest.raises(RequestError) as caught:
        read_all(reader(), cut(sent, places))
    assert caught.value.status == status


def test_some_paths_take_larger_bodies_and_only_they() -> None:
    for path, size, framing in itertools.product(
        ["/large", "/large/", "/small"], [1000, 1001, 2000, 2001], [(), (CHUNKED,)]
    ):
        body = b"x" * size
        wire = post(path, b"%x\r\n%b\r\n0\r\n\r\n" % (size, body) if framing else body, *framing)
        one = RequestReader(Config(), PEER, 1000, {"/large": 2000})
        if size <= (2000 if path == "/large" else 1000):
            (request,) = read_all(one, cut(wire, [100, 1500]))
            assert request.body.read() == body
        else:
            with pytest.raises(RequestError) as caught:
                read_all(one, cut(wire, [100, 1500]))
            assert caught.value.status == 413


@given(st.binary(max_size=300), st.lists(st.integers(0, 10_000), max_size=5))
def test_no_bytes_at_all_raise_anything_but_a_refusal(sent: bytes, places: list[int]) -> None:
    for wire in (sent, b"GET / HTTP/1.1\r\n" + sent, post("/", sent, CHUNKED)):
        try:
            read_all(reader(), cut(wire, places))
        except RequestError as error:
            assert 400 <= error.status <= 505


def test_a_chunked_body_is_handed_on_with_its_length_and_without_its_coding() -> None:
    (request,) = read_all(reader(), [REQUESTS[2][0]])
    fields = dict(request.headers)
    assert fields["CONTENT-LENGTH"] == "13"
    assert "TRANSFER-ENCODING" not in fields


def test_a_head_without_an_end_is_refused_before_it_takes_memory() -> None:
    one = reader()
    one.feed(b"GET / HTTP/1.1\r\n")
    with pytest.raises(RequestError) as caught:
        for _ in range(10 * reading.LARGEST_HEAD_BYTES // 100):
            one.feed(b"X-Header: " + b"1" * 88 + b"\r\n")
            assert one.next_request() is None
    assert caught.value.status == 431
    assert one.held_bytes <= reading.LARGEST_HEAD_BYTES + 100


@pytest.mark.parametrize("name", ["\xb2", "1" * 5000])
def test_a_length_that_only_looks_like_a_number_is_refused(name: str) -> None:
    with pytest.raises(RequestError):
        read_all(reader(), [f"POST / HTTP/1.1\r\nContent-Length: {name}\r\n\r\n".encode("latin-1")])


def test_the_codes_are_those_that_the_application_gives_the_same_statuses() -> None:
    assert {status: HTTP_STATUS_CODES[status].lower().replace(" ", "_") for status in CODES} == CODES


def test_a_refusal_says_when_to_come_back_where_that_helps() -> None:
    assert b"\r\nRetry-After: 5\r\n" in refusals.encode(Overloaded())
    assert b"Retry-After" not in refusals.encode(refusals.too_large())
    assert refusals.encode(refusals.too_large(), with_body=False).endswith(b"\r\n\r\n")
