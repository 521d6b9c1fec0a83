"""The service behind a real nginx with `deploy/nginx.conf`."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import statistics
import sys
import termios
from pathlib import Path

import pytest
import requests

from tests.helpers.nginx import Proxy
from tests.helpers.server import read_events, wait_until
from tests.helpers.sockets import read_answer
from tests.helpers.sounds import music, sound_file
from tests.helpers.uploads import form_of

LONG_S = 300
FREE_S = 1.0


def test_events_arrive_one_by_one(proxy: Proxy) -> None:
    with proxy.music(model="test/slow", duration=10) as response:
        pieces = list(response.iter_content(None))
    events = list(read_events(b"".join(pieces).splitlines()))
    assert events[0]["status"] == "started"
    assert events[-1]["status"] == "completed"
    steps = [piece.count(b"data: ") for piece in pieces if b'"phase": "generating"' in piece]
    assert len(steps) >= 10
    assert statistics.median(steps) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/music", {"description": "slow sad piano", "duration": LONG_S}),
        ("/generate", {"model": "test/mono", "prompt": "slow sad piano", "duration": LONG_S}),
    ],
)
def test_a_client_that_leaves_before_anything_came_cancels(proxy: Proxy, path: str, body: dict[str, object]) -> None:
    request = requests.Request("POST", proxy.url + path, json=body).prepare()
    head = f"POST {path} HTTP/1.1\r\nHost: test\r\n" + "".join(f"{k}: {v}\r\n" for k, v in request.headers.items())
    with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        connection.sendall(head.encode() + b"\r\n" + request.body)
        wait_until(lambda: proxy.server.busy, why="the job to begin")
    proxy.server.wait_until_free(FREE_S)


def test_a_client_that_leaves_between_two_steps_cancels(proxy: Proxy) -> None:
    with proxy.music(duration=LONG_S) as response:
        next(event for event in read_events(response.iter_lines()) if event.get("progress", 0) > 1)
    proxy.server.wait_until_free(FREE_S)


def test_a_refusal_passes_with_its_body_and_when_to_come_back(proxy: Proxy) -> None:
    with proxy.music(duration=LONG_S):
        refusal = requests.post(f"{proxy.url}/api/music", json={"description": "slow sad piano"}, timeout=30)
        health = requests.get(f"{proxy.url}/api/healthcheck", timeout=30)
    assert refusal.status_code == 503
    assert refusal.json()["code"] == "busy"
    assert re.fullmatch(r"[1-9]\d*", refusal.headers["Retry-After"])
    assert (health.status_code, health.json()) == (503, {"status": "busy"})


def test_a_wav_passes_whole(proxy: Proxy) -> None:
    body = {"model": "test/mono", "prompt": "slow sad piano", "duration": 20, "seed": 3, "recipe": False}
    passed = requests.post(f"{proxy.url}/generate", json=body, timeout=120)
    assert passed.status_code == 200
    assert int(passed.headers["Content-Length"]) == len(passed.content) == 44 + 2 * 32_000 * 20
    assert passed.content == proxy.server.post("/generate", body).content


def test_a_prompt_of_any_allowed_length_passes_and_a_longer_body_gets_the_service_s_own_413(proxy: Proxy) -> None:
    longest = "ж" * 2000
    with proxy.music(description=longest, duration=1) as response:
        assert list(read_events(response.iter_lines()))[-1]["status"] == "completed"
    too_long = requests.post(f"{proxy.url}/api/music", json={"description": "x" * 70_000}, timeout=30)
    assert too_long.status_code == 413
    assert set(too_long.json()) >= {"error", "code"}


def a_form(seconds: float, **fields: object) -> tuple[bytes, str]:
    """A request for a few seconds that go on from some of stereo, as a form."""
    file = sound_file(music(seconds, 2))
    return form_of({"model": "test/mono", "prompt": "piano", "continuation": file, "recipe": False} | fields)


def test_a_large_upload_passes_and_a_larger_one_gets_the_service_s_own_413(proxy: Proxy) -> None:
    body, kind = a_form(150, duration=2, continuation_end=1)
    assert len(body) > 18_000_000
    passed = requests.post(f"{proxy.url}/generate", data=body, headers={"Content-Type": kind}, timeout=120)
    assert passed.status_code == 200, passed.text
    assert len(passed.content) == 44 + 2 * 32_000 * 2
    recipe = requests.post(f"{proxy.url}/api/recipe", files={"file": b"piano"}, timeout=30)
    assert (recipe.status_code, list(recipe.json()["fields"])) == (422, ["file"])
    head = f"POST /generate HTTP/1.1\r\nHost: test\r\nContent-Type: {kind}\r\nContent-Length: {2**27}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        connection.sendall(head.encode())
        answer = read_answer(connection)
    assert (answer.status, answer.json["code"]) == (413, "request_entity_too_large")


@pytest.mark.parametrize("path", ["/generate", "/api/music", "/api/recipe"])
def test_nginx_writes_no_upload_to_a_file_however_slowly_it_comes(proxy: Proxy, path: str, tmp_path: Path) -> None:
    before = os.listdir(tmp_path / "body")
    with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: text/plain\r\nContent-Length: 3000000\r\n\r\n"
        connection.sendall(head.encode() + b"x" * 2_000_000)
        wait_until(lambda: unsent(connection) == 0, why="nginx to take what was sent")
        assert os.listdir(tmp_path / "body") == before
        assert not proxy.server.busy
        connection.sendall(b"x" * 1_000_000)
        assert read_answer(connection).status in (413, 415)


def unsent(connection: socket.socket) -> int:
    """Bytes that the other end has not acknowledged yet."""
    return int.from_bytes(fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0" * 4), sys.byteorder)
