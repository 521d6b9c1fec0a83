"""Every signal that supervisors and people send: never two workers, never two jobs, never an orphan on the port."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.acceptance.test_shutdown import read_until_generating
from tests.helpers.server import Server, read_events, wait_until
from tests.helpers.sockets import ask, connect, get, post, read_answer

Paced = Callable[..., Server]
JOBS = {
    "/api/music": b'{"description": "slow sad piano"}',
    "/generate": b'{"model": "bundled/musicgen-tiny", "prompt": "slow sad piano"}',
}
LONG_S = 3600
"""More than a minute at the pace of these services."""
ORPHAN_S = 3.0


def is_alive(pid: int) -> bool:
    """Tell whether the process runs; one that nobody has waited for yet does not."""
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def listens(port: int) -> bool:
    with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Server]:
    """Start a service that loads no model."""
    with Server({"MUSICGEN_PRELOAD": "false"}, tmp_path / "log") as server:
        yield server


@pytest.mark.parametrize("name", ["SIGTTIN", "SIGTTOU", "SIGUSR2", "SIGWINCH", "SIGUSR1"])
def test_no_signal_makes_a_second_process_or_ends_the_one(idle: Server, name: str) -> None:
    workers = idle.worker_pids
    for _ in range(3):
        os.kill(idle.pid, getattr(signal, name))
    if name in ("SIGTTIN", "SIGTTOU", "SIGUSR2"):
        wait_until(lambda: f"{name} is ignored" in idle.log, why="a word in the log")
    deadline = time.monotonic() + 2.5  # the master looks after its workers every second
    while time.monotonic() < deadline:
        assert idle.worker_pids == workers
        time.sleep(0.05)
    assert idle.get("/livez").ok


@pytest.mark.parametrize("option", ["--workers=2", "--certfile=gunicorn.conf.py"])
def test_options_of_gunicorn_that_the_service_cannot_keep_stop_the_start_with_a_sentence(
    option: str, tmp_path: Path
) -> None:
    server = Server({"GUNICORN_CMD_ARGS": option}, tmp_path / "log")
    with pytest.raises(AssertionError), server:
        pass
    assert "MusicGen API cannot start: " in server.log
    assert "Traceback" not in server.log


def test_sighup_replaces_the_worker_after_its_job_and_never_has_two(paced: Paced) -> None:
    with paced(MUSICGEN_GRACE_S="120") as server:
        (old,) = server.worker_pids
        with server.music(duration=60) as response:
            events = read_events(response.iter_lines(chunk_size=65_536))
            next(event for event in events if event.get("progress", 0) > 0)
            os.kill(server.pid, signal.SIGHUP)
            for event in events:
                last = event
                assert len(server.worker_pids) <= 1
            assert last["status"] == "completed"
        wait_until(lambda: server.worker_pids not in ([], [old]), 60, why="the new worker")
        assert len(server.worker_pids) == 1
        assert not is_alive(old)
        wait_until(lambda: server.get("/livez").ok)


@pytest.mark.parametrize("at_work", [False, True])
def test_when_the_master_is_killed_the_worker_leaves_the_port_and_ends(paced: Paced, at_work: bool) -> None:
    with paced(MUSICGEN_GRACE_S="120") as server:
        port, (worker,) = server.port, server.worker_pids
        if at_work:
            with server.music(duration=LONG_S) as response:
                events = read_until_generating(response)
                os.kill(server.pid, signal.SIGKILL)
                assert list(events)[-1]["code"] == "shutting_down"
        else:
            os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: not listens(port), ORPHAN_S, why="the port to be free")
        wait_until(lambda: not is_alive(worker), ORPHAN_S, why="the worker's end")
        server.wait()


def test_in_sigterm_s_grace_new_connections_are_answered(paced: Paced) -> None:
    with paced(MUSICGEN_GRACE_S="120") as server:
        with connect(server, get("/livez")) as kept, server.music(duration=LONG_S) as response:
            assert read_answer(kept).headers["connection"] == "keep-alive"
            events = read_until_generating(response)
            os.kill(server.pid, signal.SIGTERM)
            wait_until(lambda: server.get("/readyz").status_code == 503, why="the service not to be ready")
            for path, body in JOBS.items():
                answer = ask(server, post(path, body))
                assert (answer.status, answer.json["code"]) == (503, "shutting_down")
                assert int(answer.headers["retry-after"]) > 0
                assert answer.headers["connection"] == "close"
            assert ask(server, get("/livez")).status == 200
            kept.sendall(get("/livez"))
            assert read_answer(kept).headers["connection"] == "close"
            next(events)
        assert server.wait() == 0


def test_a_request_that_was_begun_does_not_delay_the_end_and_is_told_why_it_ends(idle: Server) -> None:
    with connect(idle, b"POST /generate HTTP/1.1\r\nHost: test\r\n") as stalled, connect(idle):
        assert ask(idle, get("/livez")).status == 200  # so those before it have been read
        assert idle.terminate() == 0
        answer = read_answer(stalled)
        assert (answer.status, answer.json["code"]) == (503, "shutting_down")


def test_a_client_that_does_not_read_delays_the_end_by_no_more_than_is_promised(paced: Paced) -> None:
    with paced(MUSICGEN_GRACE_S="0") as server, connect(server) as connection:
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            while True:
                connection.sendall(get("/") * 20)
        began = time.monotonic()
        assert server.terminate() == 0
        assert time.monotonic() - began < 15
