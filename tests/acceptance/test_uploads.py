"""Uploads to a real service: its own files, any file, bad files, and clients that send slowly."""

from __future__ import annotations

import base64
import io
import os
import socket
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
import requests
import soundfile

from musicgen_api.audio import recipe as recipes
from tests.helpers.server import REQUEST_S, Server, read_events
from tests.helpers.sockets import read_answer
from tests.helpers.sounds import music, sound_file
from tests.helpers.uploads import form_of

MUSIC: dict[str, Any] = {"description": "slow sad piano", "model": "test/mono"}


def send(server: Server, path: str, **parts: Any) -> requests.Response:
    body, kind = form_of(parts)
    return requests.post(server.url + path, data=body, headers={"Content-Type": kind}, timeout=REQUEST_S)


def completed(response: requests.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    *_, last = read_events(response.content.splitlines())
    assert last["status"] == "completed", last
    return last


def ids_of(file: bytes) -> np.ndarray:
    recipe = recipes.read(file)
    assert recipe is not None
    assert recipe.codes is not None
    return recipe.codes.ids


@pytest.mark.parametrize("model", ["test/mono", "test/stereo"])
def test_keep_the_first_seconds_and_try_the_rest_again(server: Server, model: str) -> None:
    asked = {"model": model, "prompt": "piano", "duration": 4}
    first = server.post("/generate", asked | {"seed": 1, "format": "mp3"}).content
    sent = asked | {"seed": 2, "prompt": "techno", "continuation": first, "continuation_end": 3}
    second = send(server, "/generate", format="flac", **sent).content
    kept, whole = ids_of(first), ids_of(second)
    assert whole.shape == (8 if model == "test/stereo" else 4, 200)
    assert np.array_equal(whole[:, :150], kept[:, :150])
    assert not np.array_equal(whole[:, 150:], kept[:, 150:])
    told = send(server, "/api/recipe", file=second).json()
    assert (told["request"]["continuation_end"], told["request"]["description"]) == (3.0, "techno")
    again = completed(send(server, "/api/music", continuation=second, **told["request"]))
    assert np.array_equal(ids_of(base64.b64decode(again["audio_data"])), whole)


def test_any_file_goes_on_in_takes_while_it_is_heard_or_as_a_loop(server: Server) -> None:
    file = sound_file(music(2, 2, rate=44_100), 44_100, "FLAC")
    last = completed(send(server, "/api/music", continuation=file, duration=3, takes=2, loop=True, **MUSIC))
    for take in last["takes"]:
        assert soundfile.info(io.BytesIO(base64.b64decode(take["audio_data"]))).frames == 3 * 32_000
    one, other = (ids_of(base64.b64decode(take["audio_data"])) for take in last["takes"])
    assert np.array_equal(one[:, :100], other[:, :100])
    assert not np.array_equal(one[:, 100:], other[:, 100:])
    response = send(server, "/api/music", continuation=file, duration=3, live=True, **MUSIC)
    *events, last = read_events(response.content.splitlines())
    sound = b"".join(base64.b64decode(event["pcm"]) for event in events if event["status"] == "audio")
    assert len(sound) == 3 * 2 * 32_000
    assert last["status"] == "completed"


def test_a_melody_is_followed_and_kept_music_goes_on_with_it(server: Server) -> None:
    asked = {"model": "test/melody", "prompt": "piano", "duration": 2, "seed": 1, "format": "flac"}
    tune = sound_file(music(3, 2, rate=48_000), 48_000)
    followed = send(server, "/generate", melody=tune, **asked).content
    assert not np.array_equal(ids_of(followed), ids_of(server.post("/generate", asked).content))
    longer = send(server, "/generate", melody=tune, continuation=followed, **asked | {"duration": 4}).content
    assert np.array_equal(ids_of(longer)[:, :100], ids_of(followed))
    refused = send(server, "/generate", melody=tune, **asked | {"model": "test/mono"})
    assert (refused.status_code, list(refused.json()["fields"])) == (422, ["melody"])


def test_bad_files_leave_the_service_as_it_was(server: Server) -> None:
    for file in (b"", b"RIFF" + os.urandom(2000), sound_file(music(2))[:30_000]):
        response = send(server, "/generate", model="test/mono", prompt="piano", continuation=file)
        assert (response.status_code, list(response.json()["fields"])) == (422, ["continuation"])
        assert not server.busy
    assert not list(server.temporary.iterdir())


def test_clients_that_send_slowly_hold_no_thread(server: Server) -> None:
    """There are 16 threads; each of these clients has sent half of its file."""
    body, kind = form_of({"model": "test/mono", "prompt": "piano", "duration": 2, "continuation": sound_file(music(1))})
    head = f"POST /generate HTTP/1.1\r\nHost: test\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(20)]
        for connection in slow:
            connection.sendall(head.encode() + body[:-10_000])
        assert server.post("/generate", {"model": "test/mono", "prompt": "piano", "duration": 1}).status_code == 200
        slow[0].sendall(body[-10_000:])
        answer = read_answer(slow[0])
        assert answer.status == 200
