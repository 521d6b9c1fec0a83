"""The end of the service, wanted (SIGTERM) or not (a gpu_thread killed with -9), in the middle of a job."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import Checkpoints
from tests.helpers.server import Server, read_events, wait_until

pytestmark = pytest.mark.timeout(400)  # each test starts a service of its own

LONG_S = 300
Start = Callable[..., AbstractContextManager[Server]]


@pytest.fixture
def start(checkpoints: Checkpoints, tmp_path: Path) -> Start:
    """Start a service of one's own, which may be ended."""

    def start(**environment: str) -> Server:
        settings = {
            "MUSICGEN_DEFAULT_MODEL": "test/mono",
            "MUSICGEN_MODELS": f"test/mono={checkpoints.mono}",
            "MUSICGEN_PRELOAD": "false",
        }
        return Server(settings | environment, tmp_path / "log")

    return start


def read_until_generating(response: requests.Response) -> Iterator[dict[str, Any]]:
    """Read the events up to the first step; give those that follow."""
    events = read_events(response.iter_lines())
    next(event for event in events if event.get("phase") == "generating")
    return events


def refuses(server: Server) -> bool:
    """Tell whether a new job is refused: by the service, or because nobody listens or accepts any more."""
    try:
        answer = server.post("/api/music", {"description": "slow sad piano"}, stream=True, timeout=1)
    except (requests.ConnectionError, requests.Timeout):
        return True
    with answer:
        return answer.status_code == 503 and answer.json()["code"] == "shutting_down"


def test_sigterm_cancels_a_job_that_outlasts_the_grace_and_its_client_is_told(start: Start) -> None:
    with start(MUSICGEN_GRACE_S="0.5") as server:
        with server.music(duration=LONG_S) as response:
            events = read_until_generating(response)
            os.kill(server.pid, signal.SIGTERM)
            last = list(events)[-1]
        assert last["code"] == "shutting_down"
        assert last["error"]
        assert server.wait() == 0
        assert "Traceback" not in server.log


def test_ctrl_c_cancels_the_running_job_in_spite_of_the_grace_and_its_client_is_told(start: Start) -> None:
    with start(MUSICGEN_GRACE_S="120") as server:
        with server.music(duration=LONG_S) as response:
            events = read_until_generating(response)
            os.killpg(server.pid, signal.SIGINT)  # as a terminal does: to all processes
            assert list(events)[-1]["code"] == "shutting_down"
        assert server.wait() == 0


def test_a_killed_worker_comes_back_and_then_sigterm_lets_its_job_finish_and_takes_no_new_one(start: Start) -> None:
    with start(MUSICGEN_GRACE_S="120") as server:
        (killed,) = server.worker_pids
        with server.music(duration=LONG_S) as response:
            events = read_until_generating(response)
            os.kill(killed, signal.SIGKILL)
            with pytest.raises(requests.RequestException):
                list(events)
        wait_until(lambda: server.worker_pids not in ([], [killed]), why="another worker")
        wait_until(lambda: server.get("/livez").ok)
        with server.music(duration=60) as response:
            events = read_until_generating(response)
            os.kill(server.pid, signal.SIGTERM)
            wait_until(lambda: refuses(server), why="new work to be refused")
            assert server.exit_code is None
            assert list(events)[-1]["status"] == "completed"
        assert server.wait() == 0
        assert "Traceback" not in server.log


def test_sigterm_ends_a_service_that_is_still_starting(start: Start) -> None:
    with start(MUSICGEN_PRELOAD="true") as server:
        assert server.busy
        assert server.terminate() == 0
