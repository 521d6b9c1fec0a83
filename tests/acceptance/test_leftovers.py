"""Jobs leave nothing behind in the process: no file, no connection, no thread, no memory that grows."""

from __future__ import annotations

import os
from pathlib import Path

from tests.server import Server, read_events, wait_until

LONG_S = 300


def rss_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def finish_one(server: Server, seed: int) -> None:
    assert server.events(duration=10, seed=seed)[-1]["status"] == "completed"


def leave_one(server: Server, seed: int) -> None:
    with server.music(duration=LONG_S, seed=seed) as response:
        next(event for event in read_events(response.iter_lines()) if event.get("progress", 0) > 0.3)
    server.wait_until_free()


def refuse_one(server: Server, seed: int) -> None:
    assert server.post("/api/music", {"description": "", "seed": seed}).status_code == 400


def test_many_jobs_finished_left_or_refused_leave_nothing_behind(server: Server) -> None:
    (worker,) = server.worker_pids
    jobs = [finish_one, leave_one, refuse_one]

    def work(rounds: int) -> None:
        for seed in range(rounds):
            for job in jobs:
                job(server, seed)

    work(5)  # caches, pools and the allocator's arenas fill in the first rounds
    files, threads, memory = open_files(worker), len(os.listdir(f"/proc/{worker}/task")), rss_bytes(worker)
    work(10)
    wait_until(lambda: open_files(worker) <= files, why="the connections to be closed")
    wait_until(lambda: len(os.listdir(f"/proc/{worker}/task")) <= threads, why="the threads to end")
    assert rss_bytes(worker) - memory < 6e6  # a single forgotten WAV a round would be more
    assert not list(server.temporary.iterdir())
