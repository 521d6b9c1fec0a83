"""A real gunicorn in a process of its own, on a free port of 127.0.0.1, and the means to talk to it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import requests

ROOT = Path(__file__).parents[2]
START_S = 150.0
"""Longest wait for a start: the import of AudioCraft takes six seconds of a core that has nothing else to do."""
REQUEST_S = 120.0


def wait_until(condition: Callable[[], object], timeout_s: float = 10.0, *, why: str = "") -> float:
    """Poll `condition` until it holds; return the seconds that it took. Fail with `why` after `timeout_s`."""
    begin = time.monotonic()
    while not condition():
        waited_s = time.monotonic() - begin
        assert waited_s < timeout_s, f"waited {timeout_s} s in vain: {why or condition}"
        time.sleep(0.01)
    return time.monotonic() - begin


def read_events(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Decode an event stream, which may hold nothing but ASCII lines of `data: ` and one JSON object."""
    for line in lines:
        if line:
            prefix, text = line[:6], line[6:].decode("ascii")
            assert prefix == b"data: ", line[:100]
            assert "data: " not in text
            event = json.loads(text)
            assert isinstance(event, dict)
            yield event


class Server:
    """A service under test: `with Server({"MUSICGEN_MODELS": ...}, log) as server`.

    The variables come on top of the environment, from which all other settings of the service are removed.
    """

    def __init__(self, environment: Mapping[str, str], log: Path, *, application: str = "wsgi:app") -> None:
        """Prepare; nothing runs before `__enter__`."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MUSICGEN_")}
        self.temporary = log.with_suffix(".tmp")
        """The folder of its temporary files, which nothing else uses."""
        # Requests that are written byte by byte name the host "test".
        own = {"HOST": "127.0.0.1", "PORT": "0", "MUSICGEN_HOSTS": "test", "TMPDIR": str(self.temporary)}
        self._environment = inherited | own | dict(environment)
        self._command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", application]
        self._log = log

    def __enter__(self) -> Self:
        """Start gunicorn and wait until it answers, busy with its start or not."""
        self.temporary.mkdir()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until(lambda: self._listening or self.exit_code is not None, START_S, why="gunicorn's start")
            assert self.exit_code is None, self.log
            wait_until(lambda: self._answers() or self.exit_code is not None, START_S, why="an answer to /livez")
            assert self.exit_code is None, self.log
        except BaseException:
            self._kill()
            print(self.log, file=sys.stderr)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: object) -> None:
        """End all processes, gracefully if they can; show the log if the test fails."""
        if kind is not None:
            print(self.log, file=sys.stderr)
        with suppress(subprocess.TimeoutExpired):
            self.terminate(timeout_s=30)
        self._kill()

    @property
    def log(self) -> str:
        """What the processes have written so far."""
        return self._log.read_text(errors="replace")

    @property
    def port(self) -> int:
        """The port that gunicorn has chosen."""
        match = self._listening
        assert match is not None, "gunicorn does not listen"
        return int(match[2])

    @property
    def url(self) -> str:
        """The address without a slash at its end."""
        match = self._listening
        assert match is not None, "gunicorn does not listen"
        return f"http://{match[1]}:{match[2]}"

    @property
    def pid(self) -> int:
        """gunicorn's master process."""
        return self._process.pid

    @property
    def worker_pids(self) -> list[int]:
        """The processes that serve: one, or none while it is replaced."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    @property
    def exit_code(self) -> int | None:
        """The master's exit code once it has ended."""
        return self._process.poll()

    def terminate(self, timeout_s: float = 30.0) -> int:
        """Send SIGTERM to the master, as supervisors do, and wait for its exit code."""
        self._process.terminate()
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = 30.0) -> int:
        """Wait for the master's exit code."""
        return self._process.wait(timeout_s)

    def get(self, path: str, **options: Any) -> requests.Response:
        """GET."""
        return requests.get(self.url + path, **{"timeout": REQUEST_S, **options})

    def post(self, path: str, body: object, **options: Any) -> requests.Response:
        """POST `body` as JSON."""
        return requests.post(self.url + path, json=body, **{"timeout": REQUEST_S, **options})

    def music(self, **body: Any) -> requests.Response:
        """POST /api/music; the response is open and nothing of its body read."""
        response = self.post("/api/music", {"description": "slow sad piano"} | body, stream=True)
        assert response.status_code == 200, response.text
        return response

    def events(self, **body: Any) -> list[dict[str, Any]]:
        """POST /api/music and read all events."""
        with self.music(**body) as response:
            return list(read_events(response.iter_lines()))

    @property
    def busy(self) -> bool:
        """What the health check says."""
        response = self.get("/api/healthcheck")
        expected = {200: {"status": "healthy"}, 503: {"status": "busy"}}
        assert response.json() == expected[response.status_code]
        return response.status_code == 503

    def wait_until_free(self, timeout_s: float = 10.0) -> float:
        """Wait until the lock is free; return the seconds that it took."""
        return wait_until(lambda: not self.busy, timeout_s, why="the lock to be free")

    def wait_until_ready(self, timeout_s: float = START_S) -> None:
        """Wait until the start-up load is over."""
        wait_until(lambda: self.get("/readyz").ok, timeout_s, why="/readyz")

    @property
    def _listening(self) -> re.Match[str] | None:
        return re.search(r"Listening at: http://(127\.0\.0\.1|\[::1\]):(\d+)", self.log)

    def _answers(self) -> bool:
        with suppress(requests.ConnectionError):
            return self.get("/livez").status_code in (200, 503)
        return False

    def _kill(self) -> None:
        """End this server's process group and no other."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
