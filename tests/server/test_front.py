"""The loop's bounds, which take too much memory, too many clients or too much luck to reach through a whole service."""

from __future__ import annotations

import errno
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from gunicorn.config import Config

from musicgen_api.domain.errors import ShuttingDown
from musicgen_api.server import front as front_module
from musicgen_api.server.connection import Connection, State
from musicgen_api.server.front import Front, Limits
from musicgen_api.server.pace import SLOWEST_BYTES_PER_S, Pace
from musicgen_api.server.sending import MOST_UNREAD_BYTES, Output
from tests.helpers.server import wait_until
from tests.helpers.sockets import Answer, get, post, read_answer, reset

LARGE = 4 * 2**20


def ok(length: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + b"x" * length


class Listener(socket.socket):
    """One that may find no descriptor for a connection, some times."""

    def __init__(self) -> None:
        super().__init__()
        self.setblocking(False)
        self.bind(("127.0.0.1", 0))
        self.listen(200)
        self.failures = 0

    def accept(self) -> tuple[socket.socket, Any]:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, "too many open files")
        return super().accept()


class Running:
    """A loop on a thread of its own, whose application answers with what the test says."""

    def __init__(self, **limits: Any) -> None:
        self.listener = Listener()
        self.address = self.listener.getsockname()
        self.act: Callable[[Connection, Any], bool] = lambda connection, request: self.send(connection, 0)
        self.pool = ThreadPoolExecutor(4)
        defaults = {"timeout_s": 30, "keepalive_s": 30, "max_body_bytes": LARGE, "max_connections": 100}
        self.front = Front(
            [self.listener],
            Limits(**defaults | limits),
            Config(),
            logging.getLogger("front"),
            lambda method, function: self.pool.submit(function),
            lambda connection, request: self.act(connection, request),
        )
        self.ended = False
        self.clients = ExitStack()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while not self.ended:
            self.front.turn()
        self.front.close(ShuttingDown())

    def send(self, connection: Connection, length: int) -> bool:
        connection.output.sendall(ok(length))
        return True

    def connect(self, sent: bytes = b"") -> socket.socket:
        connection = self.clients.enter_context(socket.create_connection(self.address, timeout=20))
        with suppress(ConnectionError):  # refused while it is being sent
            connection.sendall(sent)
        return connection

    def ask(self, sent: bytes = b"") -> Answer:
        return self.read(self.connect(sent or get("/")))

    def read(self, connection: socket.socket) -> Answer:
        """Read an answer, and wait until the loop has noted that it has left."""
        answer = read_answer(connection)
        wait_until(lambda: not any(c.state in (State.ANSWERING, State.SENDING) for c in set(self.front._connections)))
        return answer

    def stop(self) -> None:
        self.clients.close()
        self.ended = True
        self.thread.join()
        self.pool.shutdown()


@pytest.fixture
def run() -> Iterator[Callable[..., Running]]:
    loops: list[Running] = []

    def start(**limits: Any) -> Running:
        loops.append(Running(**limits))
        return loops[-1]

    yield start
    for loop in loops:
        loop.stop()


Run = Callable[..., Running]


def test_large_bodies_have_a_bound_in_all_and_small_ones_still_pass(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_module, "LARGE_BODIES_BYTES", 3 * 2**20)
    loop = run()
    unfinished = post("/", b"x" * 2**20).replace(b"Length: 1048576", b"Length: 1600000")
    waiting = [loop.connect(unfinished) for _ in range(2)]
    wait_until(lambda: sum(connection.held_bytes for connection in set(loop.front._connections)) == 2 * 2**20)
    assert loop.ask(post("/", b"y" * 60_000)).status == 200
    refused = loop.ask(unfinished + b"x" * 400_000)
    assert (refused.status, refused.json["code"]) == (503, "overloaded")
    for connection in waiting:  # those that came first are still read
        connection.sendall(b"x" * (1_600_000 - 2**20))
        assert loop.read(connection).status == 200


def test_a_body_in_work_counts_until_it_is_answered(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_module, "LARGE_BODIES_BYTES", 3 * 2**20)
    loop, proceed = run(), threading.Event()

    def work(connection: Connection, request: Any) -> bool:
        return proceed.wait(20) and loop.send(connection, 0)

    loop.act = work
    first = loop.connect(post("/", b"x" * (2 * 2**20)))
    wait_until(lambda: loop.front.at_work)
    second = loop.connect(post("/", b"x" * (2 * 2**20)))
    assert read_answer(second).status == 503
    proceed.set()
    assert loop.read(first).status == 200
    assert loop.ask(post("/", b"x" * (2 * 2**20))).status == 200


def test_unread_answers_have_a_bound_in_all_and_the_oldest_go_first(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 12 * 2**20  # more than the kernel takes
    monkeypatch.setattr(front_module, "UNREAD_BYTES", int(2.5 * size))
    loop = run()
    loop.act = lambda connection, request: loop.send(connection, size)
    clients = []
    for _ in range(3):
        clients.append(loop.connect(get("/")))
        wait_until(lambda: sum(c.output.pending for c in loop.front._connections) == len(clients))
    wait_until(lambda: len(loop.front._connections) == 2, why="the oldest to be given up")
    with pytest.raises((AssertionError, ConnectionResetError)):
        read_answer(clients[0])
    assert len(read_answer(clients[2]).body) == size
    assert len(read_answer(clients[1]).body) == size


def test_an_answer_that_is_larger_than_the_bound_arrives(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 12 * 2**20
    monkeypatch.setattr(front_module, "UNREAD_BYTES", size // 2)
    monkeypatch.setattr(front_module, "TICK_S", 0.01)
    loop = run()
    ticks = threading.Semaphore(0)
    tick = loop.front._tick
    monkeypatch.setattr(loop.front, "_tick", lambda now: (tick(now), ticks.release()))
    loop.act = lambda connection, request: loop.send(connection, size)
    client = loop.connect(get("/"))
    wait_until(lambda: any(c.output.pending for c in loop.front._connections))
    for _ in range(3):
        assert ticks.acquire(timeout=10)
    assert len(read_answer(client).body) == size


def test_a_newcomer_takes_the_place_of_a_connection_that_was_kept_for_nothing(run: Run) -> None:
    loop = run(max_connections=8)
    kept = loop.connect(get("/"))
    assert loop.read(kept).status == 200
    begun = [loop.connect(b"GET / HTTP/1.1\r\n") for _ in range(7)]
    assert loop.ask().status == 200
    assert kept.recv(1) == b""
    for connection in begun[1:]:
        connection.sendall(b"\r\n")
        assert read_answer(connection).status == 200


def test_with_all_places_in_work_a_newcomer_waits_and_is_served(run: Run) -> None:
    loop, proceed = run(max_connections=8), threading.Event()
    loop.act = lambda connection, request: proceed.wait(20) and loop.send(connection, 0)
    clients = [loop.connect(get("/")) for _ in range(12)]
    wait_until(lambda: len(loop.front._connections) == 8)
    proceed.set()
    assert [read_answer(client).status for client in clients] == [200] * 12


def test_accepting_goes_on_when_descriptors_are_there_again(run: Run) -> None:
    loop = run()
    loop.listener.failures = 3
    assert loop.ask().status == 200
    assert loop.listener.failures == 0


def test_a_defect_at_one_connection_ends_that_one_alone(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = run()
    good = loop.connect(get("/"))
    assert read_answer(good).status == 200
    advance = Connection._advance

    def stumble(self: Connection) -> None:
        if self._reader.held_bytes == 1:
            raise RuntimeError("a defect")
        advance(self)

    monkeypatch.setattr(Connection, "_advance", stumble)
    assert loop.connect(b"x").recv(1) == b""
    good.sendall(get("/"))
    assert read_answer(good).status == 200
    assert "a defect" in caplog.text


# --- sending


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, client = socket.socketpair()
    ours.setblocking(False)
    with ours, client:
        yield ours, client


def fill(output: Output) -> None:
    for _ in range(100_000):
        if output.held_bytes > MOST_UNREAD_BYTES:
            return
        output.sendall(b"x" * 10_000)
    raise AssertionError("never full")


@pytest.mark.parametrize("end", ["read", "leave", "abort"])
def test_a_stream_that_outruns_its_reader_waits_until_it_reads_or_leaves_or_is_given_up(
    pair: tuple[socket.socket, socket.socket], end: str
) -> None:
    ours, client = pair
    output = Output(ours, 30, lambda: None)
    fill(output)
    result: list[object] = []

    def write() -> None:
        try:
            output.sendall(b"last")
            result.append("sent")
        except BrokenPipeError as error:
            result.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    writer.join(0.1)
    assert writer.is_alive()
    if end == "read":
        client.setblocking(False)
        while not result or output.pending:
            with suppress(BlockingIOError):
                client.recv(1_000_000)
            output.flush()
    elif end == "leave":
        client.shutdown(socket.SHUT_WR)
    else:
        output.abort()
    writer.join(20)
    assert (result == ["sent"]) == (end == "read")
    assert isinstance(result[0], str | BrokenPipeError)


def test_a_piece_of_any_size_is_taken_without_waiting(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, client = pair
    output = Output(ours, 30, lambda: None)
    output.sendall(b"y" * 50_000_000)
    assert output.held_bytes == 50_000_000
    received = 0
    while received < 50_000_000:
        output.flush()
        received += len(client.recv(10_000_000))
    assert not output.pending
    assert output.held_bytes == 0
    assert output.deadline == float("inf")


@pytest.mark.parametrize("leave", [socket.socket.close, reset])
def test_a_reader_that_has_gone_breaks_the_answer(
    pair: tuple[socket.socket, socket.socket], leave: Callable[[socket.socket], None]
) -> None:
    ours, client = pair
    output = Output(ours, 30, lambda: None)
    leave(client)
    with pytest.raises(BrokenPipeError):
        for _ in range(3):
            output.sendall(b"x")
    assert output.broken


# --- pace


def test_a_transfer_is_late_when_nothing_moves() -> None:
    pace = Pace(10, now=100)
    assert pace.deadline == 110
    pace.moved(10**6, now=105)
    assert pace.deadline == 115


def test_a_transfer_that_is_slow_as_a_whole_is_late_although_it_moves() -> None:
    pace = Pace(10, now=0)
    for second in range(1, 20):
        pace.moved(1, now=second)
    assert pace.deadline < 11
    pace.moved(int(100 * SLOWEST_BYTES_PER_S), now=20)
    assert pace.deadline == 30
