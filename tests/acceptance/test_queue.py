"""Requests that wait, over a real socket: more of them than there are threads for requests that do not wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from tests.helpers.server import Server, read_events, wait_until

PLACES = 20
LONG_S = 3600
GENERATE = {"model": "bundled/musicgen-tiny", "prompt": "slow sad piano", "duration": 2}


@pytest.fixture
def waiting(paced: Callable[..., Server]) -> Iterator[Server]:
    settings = {"MUSICGEN_QUEUE": str(PLACES), "MUSICGEN_HTTP_THREADS": "2", "MUSICGEN_HEARTBEAT_S": "0.2"}
    settings["MUSICGEN_GRACE_S"] = "0.5"
    with paced(**settings) as server:
        server.wait_until_free()
        yield server


def events_of(response: requests.Response) -> Iterator[dict[str, Any]]:
    return read_events(response.iter_lines(chunk_size=None))


def position(events: Iterator[dict[str, Any]], wanted: int | None = None) -> dict[str, Any]:
    """The next event that tells a place in the line, this one if it matters."""
    return next(e for e in events if e["status"] == "queued" and wanted in (None, e["position"]))


def test_a_stream_is_told_its_place_and_everybody_is_served(waiting: Server) -> None:
    with ExitStack() as stack:
        running = stack.enter_context(waiting.music(duration=LONG_S))
        streams = []
        for place in range(1, PLACES):
            response = stack.enter_context(waiting.music(duration=1))
            events = events_of(response)
            assert next(events)["status"] == "started"
            queued = next(events)
            assert (queued["status"], queued["position"]) == ("queued", place)
            streams.append((response, events))
        files: list[requests.Response] = []
        silent = threading.Thread(target=lambda: files.append(waiting.post("/generate", GENERATE)))
        silent.start()
        wait_until(lambda: waiting.busy, why="the last place to be taken")
        refusal = waiting.post("/generate", GENERATE)
        assert (refusal.status_code, refusal.json()["code"]) == (503, "busy")
        assert int(refusal.headers["Retry-After"]) >= 1
        assert not files

        streams[0][0].close()  # leaves: the place is free, the others move up, and nothing else has ended
        assert position(streams[-1][1], PLACES - 2)
        assert not waiting.busy

        running.close()
        ends = [list(events) for _, events in streams[1:]]
        silent.join()
    assert {end[-1]["status"] for end in ends} == {"completed"}
    for end in ends:
        statuses = [event["status"] for event in end]
        assert "queued" not in statuses[statuses.index("generating") :]
    assert (files[0].status_code, files[0].headers["Content-Type"]) == (200, "audio/wav")
    waiting.wait_until_free()


def test_at_sigterm_those_who_wait_are_told_at_once(waiting: Server) -> None:
    with waiting.music(duration=LONG_S), waiting.music(duration=1) as second:
        events = events_of(second)
        assert position(events)["position"] == 1
        ending = threading.Thread(target=waiting.terminate)
        ending.start()
        assert list(events)[-1]["code"] == "shutting_down"
        ending.join()
    assert waiting.exit_code == 0
