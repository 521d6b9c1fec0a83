"""Jobs leave nothing behind in the process: no file, no connection, no thread, no memory that grows."""

from __future__ import annotations

import os
from pathlib import Path

from tests.helpers.server import Server, read_events, wait_until

LONG_S = 300
SHORT_S = 5
WAV_BYTES = 2 * 32_000 * SHORT_S


def rss_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def finish_one(server: Server, seed: int) -> None:
    assert server.events(duration=SHORT_S, seed=seed)[-1]["status"] == "completed"


def leave_one(server: Server, seed: int) -> None:
    with server.music(duration=LONG_S, seed=seed) as response:
        next(event for event in read_events(response.iter_lines()) if event.get("progress", 0) > 0.3)
    server.wait_until_free()


def refuse_one(server: Server, seed: int) -> None:
    assert server.post("/api/music", {"description": "", "seed": seed}).status_code == 400


def test_many_jobs_finished_left_or_refused_leave_nothing_behind(server: Server) -> None:
    (worker,) = server.worker_pids
    files, memory = open_files(worker), []
    for seed in range(10):
        for job in [finish_one, leave_one, refuse_one]:
            job(server, seed)
        memory.append(rss_bytes(worker))
    wait_until(lambda: open_files(worker) <= files, why="the connections to be closed")
    assert len(os.listdir(f"/proc/{worker}/task")) < 32  # 16 for requests, the GPU thread, torch's own
    assert memory[-1] - memory[3] < 3 * WAV_BYTES  # one forgotten in each of these six rounds would be more
    assert not list(server.temporary.iterdir())
