"""A client that goes away, on either route and at any moment, stops the job and frees the lock."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helpers.server import Server, read_events, wait_until

LONG_S = 300
DIFFUSED_S = 20
FREE_S = 1.0
"""The contract's "within a second": these models' steps are far shorter."""
BODIES: dict[str, dict[str, object]] = {
    "/api/music": {"description": "slow sad piano"},
    "/generate": {"model": "test/mono", "prompt": "slow sad piano"},
}


def ask(server: Server, path: str, **body: object) -> socket.socket:
    """Send a request and give its connection; nothing of the answer is read."""
    content = json.dumps(BODIES[path] | body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: {len(content)}"
    connection = socket.create_connection(("127.0.0.1", server.port))
    connection.sendall(f"{head}\r\n\r\n".encode() + content)
    return connection


def hang_up(connection: socket.socket) -> None:
    connection.close()


def reset(connection: socket.socket) -> None:
    """Close with a reset instead of a farewell, as a process that is killed may do."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def next_event(events: Iterator[dict[str, Any]], wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    return next(event for event in events if wanted(event))


@pytest.mark.parametrize("leave", [hang_up, reset])
@pytest.mark.parametrize("path", BODIES)
def test_leaving_before_anything_came_stops_the_job(
    server: Server, path: str, leave: Callable[[socket.socket], None]
) -> None:
    for _ in range(10):
        leave(ask(server, path, duration=LONG_S))
        server.wait_until_free(FREE_S)


@pytest.mark.parametrize("leave", [hang_up, reset])
@pytest.mark.parametrize("path", BODIES)
def test_leaving_as_soon_as_the_service_is_busy_stops_the_job(
    server: Server, path: str, leave: Callable[[socket.socket], None]
) -> None:
    connection = ask(server, path, duration=LONG_S)
    wait_until(lambda: server.busy, why="the job to begin")
    leave(connection)
    server.wait_until_free(FREE_S)


def test_leaving_an_event_stream_between_two_steps_stops_the_job(server: Server) -> None:
    with server.music(duration=LONG_S) as response:
        next_event(read_events(response.iter_lines()), lambda event: event.get("progress", 0) > 1)
    server.wait_until_free(FREE_S)


def test_leaving_an_event_stream_in_the_diffusion_stops_the_job(server: Server) -> None:
    with server.music(duration=DIFFUSED_S, mbd=True) as response:
        next_event(read_events(response.iter_lines()), lambda event: event.get("phase") == "diffusing")
    server.wait_until_free(FREE_S)


def test_leaving_while_a_wav_is_waited_for_stops_the_job_between_two_steps(server: Server) -> None:
    with ask(server, "/generate", duration=LONG_S):
        wait_until(lambda: server.busy, why="the job to begin")
        unknown = server.post("/api/music", {"description": "x"}).headers["Retry-After"]
        wait_until(
            lambda: server.post("/api/music", {"description": "x"}).headers["Retry-After"] != unknown,
            timeout_s=30,
            why="an estimate, which the job has after some steps",
        )
    server.wait_until_free(FREE_S)


def test_a_client_that_reads_nothing_does_not_hold_the_job_up(server: Server) -> None:
    with ask(server, "/api/music", duration=2):
        server.wait_until_free(30)


def test_after_many_clients_that_left_the_music_is_still_that_of_the_seed(server: Server) -> None:
    first = server.events(duration=1, seed=7)[-1]["audio_data"]
    for _ in range(5):
        with server.music(duration=LONG_S, seed=7) as response:
            next_event(read_events(response.iter_lines()), lambda event: event.get("progress", 0) > 0.1)
        server.wait_until_free(FREE_S)
    assert server.events(duration=1, seed=7)[-1]["audio_data"] == first
