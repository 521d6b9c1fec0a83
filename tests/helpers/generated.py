"""Requests that nobody wrote: how many of them, and from what they are put together.

`make fuzz` asks for thousands, at random. CI asks for some hundreds, the same ones each time.
"""

from __future__ import annotations

import base64
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from flask import Response
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from musicgen_api.apis.rendering import render
from musicgen_api.audio.encode import encode
from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.domain.recipe import Codes
from musicgen_api.domain.request import Take
from tests.helpers.fakes import Service, a_request, service
from tests.helpers.sounds import RATE, music, play_live, sound_file
from tests.helpers.uploads import data_url

LONGEST_S = 5
"""Of a piece. The music costs nothing here, but its file does; ElevenLabs' pieces last three seconds at least."""

ASKED_FOR = int(os.environ.get("FUZZ_EXAMPLES", "0"))
"""Requests in all; 0: as many as CI has time for."""


def examples(share: float, in_ci: int) -> Any:
    """Settings of a test that gets this share of all requests, or `in_ci` of them where nobody asks for more."""
    return settings(
        max_examples=max(round(share * ASKED_FOR), 1) if ASKED_FOR else in_ci,
        derandomize=not ASKED_FOR,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def counted(statuses: Counter[int], **settings: Any) -> Iterator[Service]:
    """A service that makes music at once, whose answers are counted."""
    with service(play_live(), max_duration_s=LONGEST_S, **settings) as running:

        @running.client.application.after_request
        def count(response: Response) -> Response:
            statuses[response.status_code] += 1
            return response

        yield running


def uploads() -> list[bytes]:
    """Files: the service's own, somebody's, and damaged ones."""
    codes = Codes(np.zeros((4, 50), np.uint16), 2048, 50.0, "sha256:1234")
    ours = [
        render(Take(1, music(1), codes), RATE, a_request(duration=1, format=name)) for name in ("wav", "flac", "mp3")
    ]
    others = [sound_file(music(0.5, 2, rate=44_100), 44_100), encode(music(0.3), RATE, Encoding(Format.OPUS))]
    whole = ours + others
    damaged = [file[: len(file) // 2] for file in whole] + [_torn(file) for file in whole]
    return [*whole, *damaged, b"", b"RIFF", b"fLaC" + bytes(40), b"OggS" + b"\xff" * 60, b"\0\0\0\x08ftyp\0\0\0\0moov"]


def _torn(file: bytes) -> bytes:
    """With noise in its recipe and its end."""
    noise = np.random.default_rng(len(file)).bytes(64)
    return file[:-100] + noise + file[-36:]


FILES = uploads()
FILE_URLS = [data_url(file) for file in FILES]

LATIN = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)
"""What a header may hold."""
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["\ud800", 10**400]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
"""What JSON can hold, and some of what Python would write as JSON."""


def _some(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(values) | LATIN


HEADERS: dict[str, st.SearchStrategy[str]] = {
    "Accept": _some(
        "*/*", "text/plain; version=x", "application/openmetrics-text; version=1.0.0; escaping=y", "a/b;q=x"
    ),
    "Accept-Language": _some("fr", "zh-Hant;q=0.5, fr;q=nan", "*", "fr;q=2, en;q=-1", "x" * 300, "zh_CN,,;;"),
    "Accept-Encoding": _some("br", "gzip;q=0"),
    "Authorization": _some("Bearer", "Bearer x", "Basic Og==", "Digest username=x", "bearer  a b", "Basic \xff"),
    "xi-api-key": LATIN,
    "Content-Encoding": _some("gzip", "identity", "", "br, gzip"),
    "Cookie": _some("a=b; c", '="', "session=\xff"),
    "Expect": st.just("100-continue"),
    "Host": _some("localhost", "localhost:99999", "[::1", "[::1]:x", "a b", "127.0.0.1:", "\xe9", "localhost."),
    "If-None-Match": _some('"x"', "*", "W/"),
    "Origin": _some("null", "http://localhost", "://", "http://[", "https://elsewhere.example"),
    "Range": _some("bytes=0-10", "bytes=-", "bytes=9-1", "x=1-2"),
    "Sec-Fetch-Site": _some("same-origin", "cross-site", "none"),
    "X-Forwarded-For": _some("1.2.3.4", ",,"),
    "X-Forwarded-Host": LATIN,
    "X-Request-Id": _some("a" * 129, "ok-1", "\xff"),
    "Access-Control-Request-Method": _some("POST"),
    "Access-Control-Request-Headers": LATIN,
}
"""Headers that something here reads, with what may be wrong with them."""


@st.composite
def some_headers(draw: st.DrawFn) -> dict[str, str]:
    """A few headers."""
    names = draw(st.lists(st.sampled_from(sorted(HEADERS)), max_size=3, unique=True))
    return {name: draw(HEADERS[name]) for name in names}


@st.composite
def json_bodies(draw: st.DrawFn, valid: dict[str, Any], names: list[str]) -> bytes:
    """A body that the route takes, with some fields changed, added or left out; now and then no JSON at all."""
    body: Any = dict(valid)
    for name in draw(st.lists(st.sampled_from(names) | st.text(max_size=8), max_size=3)):
        body[name] = draw(ANYTHING | st.sampled_from(FILE_URLS))
    for name in draw(st.lists(st.sampled_from(sorted(valid)), max_size=1)):
        body.pop(name, None)
    body = draw(st.just(body) | ANYTHING) if draw(st.integers(0, 9)) == 0 else body
    text = json.dumps(body).encode(draw(st.sampled_from(["utf-8"] * 8 + ["utf-16", "utf-32"])))
    cut = draw(st.integers(0, len(text)))
    return text[:cut] if draw(st.integers(0, 9)) == 0 else text


@st.composite
def form_bodies(draw: st.DrawFn, names: list[str]) -> tuple[bytes, str]:
    """A body of multipart/form-data and its type; either may be wrong."""
    boundary = draw(st.sampled_from(["b", "-" * 70, "x y", "ü"]))
    parts = draw(st.lists(_parts(names), max_size=6))
    if draw(st.integers(0, 30)) == 0:
        parts = (parts or [b"\r\n\r\n"]) * 120
    mark = b"--" + boundary.encode()
    body = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"
    if draw(st.integers(0, 4)) == 0:
        body = body[: draw(st.integers(0, len(body)))]
    said = draw(st.sampled_from([boundary] * 6 + ["other", ""]))
    kinds = ["multipart/form-data; boundary={}"] * 6 + [
        'multipart/form-data; boundary="{}"; charset=utf-7',
        "multipart/form-data; boundary*=utf-16''{}",
        "multipart/mixed; boundary={}",
        "multipart/form-data",
    ]
    return body, draw(st.sampled_from(kinds)).format(said)


@st.composite
def _parts(draw: st.DrawFn, names: list[str]) -> bytes:
    name = draw(st.sampled_from([*names, "request"]) | st.text(max_size=8)).encode("utf-8", "surrogatepass")
    disposition = draw(
        st.sampled_from(
            [b'form-data; name="%s"'] * 4
            + [b'form-data; name="%s"; filename="a.wav"'] * 4
            + [b"form-data; name=%s", b"form-data; name*=utf-16''%s", b"form-data; name*0=%s", b"attachment; x=%s"]
            + [b"form-data; name=\"%s\"; filename*=iso-8859-1''%%ff", b"%s", b'form-data; name="%s']
        )
    )
    lines = [b"Content-Disposition: " + disposition % name]
    lines += draw(
        st.lists(
            st.sampled_from(
                [
                    b"Content-Type: audio/wav",
                    b"Content-Type: text/plain; charset=utf-16",
                    b"Content-Type: text/plain; charset=nobody-knows",
                    b"Content-Type: \xff",
                    b"Content-Transfer-Encoding: base64",
                    b"Content-Length: -1",
                    b"X" * 200,
                ]
            ),
            max_size=2,
        )
    )
    if draw(st.integers(0, 15)) == 0:
        lines = lines[1:]
    return b"\r\n".join(lines) + b"\r\n\r\n" + draw(_CONTENTS)


_CONTENTS = (
    st.sampled_from(FILES)
    | st.binary(max_size=60)
    | ANYTHING.map(lambda value: json.dumps(value).encode())
    | st.text(max_size=30).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.sampled_from([b"calm piano", b"wav", b"mp3", b"2", b"true", base64.b64encode(b"x"), b'{"duration": 1}'])
)
