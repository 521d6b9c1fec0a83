"""Clients that leave at random moments, in every way, on every route that makes music: the lock is free in a second."""

from __future__ import annotations

import json
import os
import random
import re
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.fuzz.conftest import PLACES
from tests.helpers.generated import ASKED_FOR
from tests.helpers.server import Server, wait_until
from tests.helpers.sockets import reset
from tests.helpers.sounds import music, sound_file
from tests.helpers.uploads import form_of

LEAVERS = max(ASKED_FOR // 10, 60)
FREE_S = 1.0
"""The contract's "within a second"; a step of this service takes 5 ms."""
LONG = {"duration": 300}
BODIES: list[tuple[str, dict[str, Any]]] = [
    ("/generate", {"model": "bundled/musicgen-tiny", "prompt": "piano"} | LONG),
    ("/api/music", {"description": "piano"} | LONG),
    ("/api/music", {"description": "piano", "live": True} | LONG),
    ("/api/music", {"description": "piano", "takes": 3} | LONG),
    ("/api/music", {"description": "piano", "duration": 1}),
    ("/v1/audio/speech", {"input": "piano"} | LONG),
    ("/v1/audio/speech", {"input": "piano", "stream_format": "sse", "response_format": "opus"} | LONG),
    ("/v1/audio/generations", {"prompt": "piano"} | LONG),
    ("/v1/audio/music", {"prompt": "piano"} | LONG),
    ("/v1/music", {"prompt": "piano", "music_length_ms": 300_000}),
    ("/v1/music/stream?output_format=pcm_48000", {"prompt": "piano", "music_length_ms": 300_000}),
    ("/v1/music/detailed", {"prompt": "piano", "music_length_ms": 300_000}),
    ("/v1/sound-generation", {"text": "rain", "duration_seconds": 30}),
]
TUNE = sound_file(music(2))


def half_close(connection: socket.socket) -> None:
    """Say that nothing more will be sent, and stay: for a server as for nginx this client has gone."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


def vanish(connection: socket.socket) -> None:
    connection.close()


WAYS: list[Callable[[socket.socket], None]] = [vanish, reset, half_close]


def a_request(chance: random.Random) -> bytes:
    """For a long piece, with an upload or without, in one piece or in chunks."""
    path, fields = chance.choice(BODIES)
    body, kind = json.dumps(fields).encode(), "application/json"
    if path in ("/generate", "/api/music") and chance.random() < 0.4:
        body, kind = form_of(fields | ({"continuation": TUNE} if fields["duration"] > 2 else {}))
    head = f"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: {kind}\r\n"
    if chance.random() < 0.2:
        head += "Transfer-Encoding: chunked\r\n"
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    else:
        head += f"Content-Length: {len(body)}\r\n"
    return f"{head}\r\n".encode() + body


def come_and_go(server: Server, chance: random.Random) -> socket.socket:
    """Ask, stay for a while, leave. The connection is still open where the client has only half closed it."""
    connection = socket.create_connection(("127.0.0.1", server.port))
    sent = a_request(chance)
    if chance.random() < 0.25:
        sent = sent[: chance.randrange(len(sent))]
    connection.sendall(sent)
    if chance.random() < 0.2:
        connection.sendall(a_request(chance)[:80])  # a second request begins before the first is answered
    moment = time.monotonic() + chance.choice([0, 0, 0.002, 0.02, chance.uniform(0, 0.3)])
    reads = chance.random() < 0.5
    while (left_s := moment - time.monotonic()) > 0:
        if reads and select.select([connection], [], [], left_s)[0]:
            reads = bool(connection.recv(65_536))
        elif not reads:
            time.sleep(left_s)
    chance.choice(WAYS)(connection)
    return connection


def state(server: Server) -> tuple[float, float]:
    """Whether a job has the lock, and how many wait."""
    text = server.get("/metrics").text
    busy, waiting = (re.search(rf"^musicgen_{name} (\S+)$", text, re.MULTILINE) for name in ("busy", "waiting"))
    assert busy and waiting
    return float(busy[1]), float(waiting[1])


def descriptors(server: Server) -> int:
    (worker,) = server.worker_pids
    return len(os.listdir(f"/proc/{worker}/fd"))


def threads(server: Server) -> int:
    (worker,) = server.worker_pids
    return len(list(Path(f"/proc/{worker}/task").iterdir()))


def test_whoever_leaves_frees_the_lock_within_a_second(served: Server) -> None:
    chance = random.Random(None if ASKED_FOR else 7)
    before, worker = descriptors(served), served.worker_pids
    left, slowest_s = 0, 0.0
    while left < LEAVERS:
        # Now and then as many as there are places, and one more.
        several = chance.choice([1, 1, 1, 1, 2, PLACES + 2])
        gone = [come_and_go(served, chance) for _ in range(several)]
        left += several
        slowest_s = max(slowest_s, wait_until(lambda: state(served) == (0, 0), FREE_S, why="the lock to be free"))
        for connection in gone:
            connection.close()
    assert served.worker_pids == worker
    wait_until(lambda: descriptors(served) <= before + 1, why="the connections to be closed")  # the one that asks
    assert threads(served) < 60
    assert served.events(duration=1)[-1]["status"] == "completed"
    print(f"\n{left} clients left; the lock was free after {slowest_s:.2f} s at most")
