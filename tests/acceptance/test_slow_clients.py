"""Clients that stall, dawdle or stay, with no proxy in front: they hold up nobody and are let go in time."""

from __future__ import annotations

import io
import resource
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import soundfile

from tests.acceptance.test_leftovers import open_files
from tests.helpers.server import Server, wait_until
from tests.helpers.sockets import ask, connect, get, is_closed, post, read_answer, read_exactly

TIMEOUT_S = 2.0
HEALTH_S = 0.1
"""The promise."""
LATE_S = 10.0
"""Longest wait for what happens after TIMEOUT_S on an idle machine."""
SETTINGS = {"MUSICGEN_PRELOAD": "false", "MUSICGEN_CLIENT_TIMEOUT_S": f"{TIMEOUT_S:g}"}
STALLED_HEAD = b"POST /generate HTTP/1.1\r\nHost: test\r\n"
STALLED_BODY = post("/generate", b"{}").replace(b"Length: 2", b"Length: 200")
STALLED_CHUNK = post("/generate", b"5\r\n{", "Transfer-Encoding: chunked")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a service with a short deadline, which loads no model."""
    with Server(SETTINGS, tmp_path_factory.mktemp("slow") / "log") as server:
        yield server


@pytest.fixture
def impatient(running: Server) -> Iterator[Server]:
    """Lend that service; it has to keep its process and to let every connection go."""
    (worker,) = running.worker_pids
    files = open_files(worker)
    yield running
    assert running.worker_pids == [worker]
    wait_until(lambda: open_files(worker) <= files, LATE_S, why="the connections to be closed")
    assert "Traceback" not in running.log


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a service with the default deadline: whoever stalls does so for the whole test."""
    with Server({"MUSICGEN_PRELOAD": "false"}, tmp_path_factory.mktemp("patient") / "log") as server:
        yield server


@contextmanager
def clients(server: Server, count: int, sent: bytes) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(connect(server, sent)) for _ in range(count)]


def health_s(server: Server, times: int = 21) -> float:
    """How long /livez takes on a new connection: the median."""

    def once() -> float:
        began = time.monotonic()
        assert ask(server, get("/livez", "Connection: close")).status == 200
        return time.monotonic() - began

    return statistics.median(once() for _ in range(times))


def stop_reading(server: Server, stack: ExitStack) -> None:
    """Ask again and again for a page, on one connection, until the service can send no more; read nothing."""
    connection = stack.enter_context(connect(server))
    connection.settimeout(0.2)
    with pytest.raises(TimeoutError):
        while True:
            connection.sendall(get("/") * 20)


# --- nobody is held up


@pytest.mark.parametrize("stalled", [STALLED_HEAD, STALLED_BODY, STALLED_CHUNK], ids=["head", "body", "chunk"])
def test_health_answers_in_time_under_64_clients_that_stall_64_that_idle_and_16_that_do_not_read(
    patient: Server, stalled: bytes
) -> None:
    with clients(patient, 64, stalled), clients(patient, 32, b""), ExitStack() as stack:
        kept = stack.enter_context(clients(patient, 32, get("/livez")))
        for connection in kept:
            assert read_answer(connection).headers["connection"] == "keep-alive"
        together = [threading.Thread(target=stop_reading, args=(patient, stack)) for _ in range(16)]
        for client in together:
            client.start()
        for client in together:
            client.join()
        assert health_s(patient) < HEALTH_S


def test_clients_that_stay_after_connection_close_hold_up_nobody(patient: Server) -> None:
    with clients(patient, 70, get("/livez", "Connection: close")) as staying:
        assert health_s(patient) < HEALTH_S
        for connection in staying:
            assert read_answer(connection).headers["connection"] == "close"
            assert is_closed(connection)


def test_a_piece_of_music_that_nobody_reads_holds_no_thread(paced: Callable[..., Server]) -> None:
    with paced(MUSICGEN_HTTP_THREADS="2", MUSICGEN_CLIENT_TIMEOUT_S="600") as server, ExitStack() as stack:
        body = b'{"model": "bundled/musicgen-tiny", "prompt": "slow sad piano", "duration": 70}'
        waiting = []
        for _ in range(3):  # more than there are threads; the kernel does not hold as much as one piece
            waiting.append(stack.enter_context(connect(server, post("/generate", body))))
            wait_until(lambda: server.busy, why="the job to begin")
            server.wait_until_free(100)
        assert server.post("/generate", {}).status_code == 422
        assert health_s(server) < HEALTH_S
        for connection in waiting:  # nothing of what they did not read was lost
            answer = read_answer(connection)
            assert (answer.status, soundfile.info(io.BytesIO(answer.body)).frames) == (200, 32_000 * 70)


# --- deadlines


@pytest.mark.parametrize(
    "stalled",
    [b"P", b"POST /generate HTTP/1.1\r\n", STALLED_HEAD, STALLED_BODY, STALLED_CHUNK],
    ids=["method", "line", "head", "body", "chunk"],
)
def test_a_request_that_was_begun_and_does_not_come_is_408(impatient: Server, stalled: bytes) -> None:
    with connect(impatient, stalled) as connection:
        answer = read_answer(connection)
        assert answer.status == 408
        assert answer.json["code"] == "request_timeout"
        assert answer.json["error"].endswith(".")
        assert answer.headers["connection"] == "close"
        assert is_closed(connection)


def test_a_head_request_s_408_has_no_body(impatient: Server) -> None:
    with connect(impatient, b"HEAD / HTTP/1.1\r\n") as connection:
        assert read_answer(connection, bodiless=True).status == 408
        assert is_closed(connection)


@pytest.mark.parametrize("begun", [STALLED_HEAD + b"X-Long: ", STALLED_BODY], ids=["head", "body"])
def test_a_byte_now_and_then_does_not_keep_a_request_alive(impatient: Server, begun: bytes) -> None:
    with connect(impatient, begun) as connection:
        began = time.monotonic()
        connection.settimeout(0.1)
        while time.monotonic() - began < LATE_S:
            try:
                assert connection.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 408"
                break
            except TimeoutError:
                connection.sendall(b"x")
        connection.settimeout(LATE_S)
        assert read_answer(connection).status == 408


def test_a_slow_upload_that_goes_on_is_read(impatient: Server) -> None:
    with connect(
        impatient, post("/generate", b"{}", "Content-Length: 20000").replace(b"Content-Length: 2\r\n", b"")
    ) as (connection):
        for _ in range(6):  # longer than the deadline in all
            time.sleep(TIMEOUT_S / 4)
            connection.sendall(b" " * 3333)
        assert read_answer(connection).status == 422


@pytest.mark.parametrize("sent", [b"", b"\r\n"], ids=["nothing", "an empty line"])
def test_a_connection_without_a_request_is_closed_without_a_word(impatient: Server, sent: bytes) -> None:
    with connect(impatient, sent) as connection:
        connection.settimeout(LATE_S)
        assert is_closed(connection)


def test_a_kept_connection_is_closed_without_a_word_when_it_idles(impatient: Server) -> None:
    with connect(impatient, get("/livez")) as connection:
        connection.settimeout(5 + LATE_S)
        assert read_answer(connection).status == 200
        assert is_closed(connection)


def test_a_client_that_stops_reading_is_let_go(impatient: Server) -> None:
    (worker,) = impatient.worker_pids
    files = open_files(worker)
    with ExitStack() as stack:
        stop_reading(impatient, stack)
        assert open_files(worker) > files
        wait_until(lambda: open_files(worker) <= files, LATE_S, why="the connection to be closed")


# --- what is kept open and what is not


def test_requests_that_come_together_are_answered_in_their_order(impatient: Server) -> None:
    with connect(impatient, get("/livez") + post("/generate", b"{}") + get("/nowhere") + b"\r\n") as connection:
        assert [read_answer(connection).status for _ in range(3)] == [200, 422, 404]


def test_an_http_1_0_client_gets_its_answer_and_the_end(impatient: Server) -> None:
    with connect(impatient, b"GET /livez HTTP/1.0\r\n\r\n") as connection:
        assert read_answer(connection).status == 200
        assert is_closed(connection)


def test_a_client_that_half_closes_still_gets_what_is_quick(impatient: Server) -> None:
    with connect(impatient, get("/livez")) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert read_answer(connection).status == 200
        assert is_closed(connection)


def test_a_refusal_reaches_a_client_that_is_still_sending(impatient: Server) -> None:
    body = b"x" * 3_000_000
    with connect(impatient) as connection:
        connection.sendall(post("/generate", body))
        answer = read_answer(connection)
        assert (answer.status, answer.json["code"]) == (413, "request_entity_too_large")


def test_a_client_that_expects_100_continue_is_told_to_go_on(impatient: Server) -> None:
    with connect(
        impatient, post("/generate", b"", "Expect: 100-continue").replace(b": 0\r\n", b": 2\r\n")
    ) as connection:
        assert read_exactly(connection, 25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert read_answer(connection).status == 422


def test_a_body_that_is_announced_as_too_large_is_refused_before_it_is_sent(impatient: Server) -> None:
    head = post("/generate", b"", "Expect: 100-continue").replace(b": 0\r\n", b": 99999999\r\n")
    assert ask(impatient, head).status == 413


# --- numbers


@contextmanager
def descriptors(limit: int) -> Iterator[Callable[[], None]]:
    """Lower this process's own limit for what it starts; call what is given to have the old one back."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(("limit", "count"), [(1024, 1100), (64, 200)])
@pytest.mark.parametrize("sent", [b"", STALLED_HEAD], ids=["idle", "stalled"])
def test_more_connections_than_descriptors_end_nothing(tmp_path: Path, limit: int, count: int, sent: bytes) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 1500:
        pytest.skip("this process may not open enough connections itself")
    with descriptors(limit) as restore, Server({"MUSICGEN_PRELOAD": "false"}, tmp_path / "log") as server:
        restore()
        (worker,) = server.worker_pids
        with clients(server, count, sent):
            assert health_s(server, times=5) < 1
            assert open_files(worker) < limit
        assert server.worker_pids == [worker]
        assert "Traceback" not in server.log
