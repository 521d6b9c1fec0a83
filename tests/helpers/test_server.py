"""The tests' way to a real gunicorn works: it starts, answers, and ends without a trace."""

from __future__ import annotations

import os

import pytest

from tests.helpers.server import Server, read_events


def test_the_service_makes_two_seconds_and_is_free_again(server: Server) -> None:
    events = server.events(duration=2)
    assert events[0]["status"] == "started"
    assert events[-1]["status"] == "completed"
    assert not server.busy


def test_it_has_one_worker_process(server: Server) -> None:
    (worker,) = server.worker_pids
    assert os.getpgid(worker) == server.pid


@pytest.mark.parametrize(
    "line", [b": comment", b"event: progress", b'data:{"a": 1}', b'data: "data: "', "data: 音".encode()]
)
def test_a_line_that_the_contract_does_not_know_is_refused(line: bytes) -> None:
    with pytest.raises((AssertionError, ValueError)):
        list(read_events([b'data: {"status": "started"}', b"", line]))
