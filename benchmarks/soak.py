"""Hundreds of short jobs by all kinds of clients, with the bundled model: does the service grow?

    python -m benchmarks.soak [jobs]

A real gunicorn serves one client after the other: every family of APIs, every format, takes, live sound, uploads,
clients that leave, clients that are refused. Every 50 jobs a line tells the worker's memory, threads, descriptors and
temporary files. The last line is JSON, and the exit code is 1 if anything grew.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests

from musicgen_api.apis.rendering import FORMATS
from tests.helpers.server import Server, read_events
from tests.helpers.uploads import form_of

WARM_UP = 100
"""Jobs after which everything has been used once: formats, codecs, libraries, the threads of the pools."""
EVERY = 50
MOST_MB = 20
"""May be added to the memory after the warm-up. In 400 jobs that is 50 kB a job, less than a second of music, 64 kB."""
MOST_MORE = 2
"""Threads and descriptors likewise: the connection that is closing just then, and its thread."""
# One heap, large blocks returned at once: the size of the process tells what it holds.
HEAP = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "131072"}
LONG_S = 300


@dataclass(frozen=True)
class Size:
    """What the service holds."""

    memory_mb: float
    threads: int
    descriptors: int
    temporary_files: int

    @classmethod
    def of(cls, server: Server) -> Size:
        """That of the worker, now."""
        (worker,) = server.worker_pids
        status = dict(line.split(":", 1) for line in Path(f"/proc/{worker}/status").read_text().splitlines())
        return cls(
            memory_mb=round(int(status["VmRSS"].split()[0]) / 1024, 1),
            threads=int(status["Threads"]),
            descriptors=len(os.listdir(f"/proc/{worker}/fd")),
            temporary_files=len(list(server.temporary.iterdir())),
        )

    def grew_since(self, before: Size) -> bool:
        """By more than is allowed."""
        return (
            self.memory_mb > before.memory_mb + MOST_MB
            or self.threads > before.threads + MOST_MORE
            or self.descriptors > before.descriptors + MOST_MORE
            or self.temporary_files > before.temporary_files
        )


class Clients:
    """All kinds of them; each call is one client with one job, or one that gets none."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._chance = random.Random(1)
        self._file = b""  # the newest piece, to go on from
        self._kinds: list[Callable[[], None]] = [
            *(self._stream, self._takes, self._live, self._file_of_any_format, self._shaped, self._continuation),
            *(self._leaver, self._refused, self._turned_away, self._openai, self._elevenlabs, self._converted),
        ]

    def one(self, number: int) -> None:
        """The client of this number. The first ones are one of each kind."""
        kind = self._kinds[number] if number < len(self._kinds) else self._chance.choice(self._kinds)
        kind()
        self._server.wait_until_free()

    def _post(self, path: str, status: int = 200, **body: Any) -> requests.Response:
        response = self._server.post(path, body)
        if response.status_code != status:
            raise RuntimeError(f"{path} answered {response.status_code}: {response.text[:500]}")
        return response

    def _completed(self, **body: Any) -> dict[str, Any]:
        last = self._server.events(**{"duration": 1, **body})[-1]
        if last.get("status") != "completed":
            raise RuntimeError(f"/api/music ended with {last}")
        return last

    def _stream(self) -> None:
        self._file = base64.b64decode(self._completed()["audio_data"])

    def _takes(self) -> None:
        self._completed(takes=self._chance.choice([2, 3]))

    def _live(self) -> None:
        self._completed(live=True, format=self._chance.choice(FORMATS))

    def _file_of_any_format(self) -> None:
        self._generate(format=self._chance.choice(FORMATS))

    def _shaped(self) -> None:
        self._generate(**self._chance.choice([{"loop": True}, {"loudness": -14}, {"fade_in": 0.2, "fade_out": 0.5}]))

    def _generate(self, **how: Any) -> None:
        self._post("/generate", model="bundled/musicgen-tiny", prompt="calm piano", duration=1, **how)

    def _continuation(self) -> None:
        body, kind = form_of({"description": "fast techno", "duration": 2, "continuation": self._file})
        headers = {"Content-Type": kind}
        with requests.post(f"{self._server.url}/api/music", data=body, headers=headers, timeout=60) as response:
            last = list(read_events(response.content.splitlines()))[-1]
        if last.get("status") != "completed":
            raise RuntimeError(f"A continuation ended with {last}")

    def _leaver(self) -> None:
        with self._server.music(duration=LONG_S, live=self._chance.random() < 0.5) as response:
            events = read_events(response.iter_lines())
            while next(events).get("progress", 1) == 0:
                pass

    def _refused(self) -> None:
        self._post("/api/music", 400, description="x", duration=-1)
        self._post("/generate", 422, model="nobody/knows", prompt="x")
        self._post("/api/convert", 422, file="data:;base64,UklGRg==", format="wav")

    def _turned_away(self) -> None:
        with self._server.music(duration=LONG_S):
            self._post("/generate", 503, model="bundled/musicgen-tiny", prompt="x")

    def _openai(self) -> None:
        speech = {"input": "calm piano", "duration": 1, "response_format": self._chance.choice(FORMATS)}
        path, body = self._chance.choice(
            [
                ("speech", speech),
                ("speech", speech | {"stream_format": "sse"}),
                ("generations", {"prompt": "calm piano", "duration": 1}),
                ("music", {"prompt": "calm piano", "duration": 1.5}),
            ]
        )
        self._post(f"/v1/audio/{path}", **body)

    def _elevenlabs(self) -> None:
        piece = {"prompt": "calm piano", "music_length_ms": 3000}
        path, body = self._chance.choice(
            [
                ("music", piece),
                ("music/stream?output_format=opus_48000_64", piece),
                ("music/detailed?output_format=pcm_16000", piece),
                ("sound-generation", {"text": "rain", "duration_seconds": 1}),
            ]
        )
        self._post(f"/v1/{path}", **body)

    def _converted(self) -> None:
        file = "data:audio/wav;base64," + base64.b64encode(self._file).decode()
        self._post("/api/convert", file=file, format=self._chance.choice(FORMATS))
        self._post("/api/recipe", file=file)


def soak(server: Server, jobs: int) -> dict[str, Any]:
    """Serve so many clients; what was measured."""
    clients, warm, began = Clients(server), None, time.monotonic()
    print(f"{'jobs':>5} {'s':>6} {'memory':>9} {'threads':>8} {'descriptors':>12} {'temporary':>10}")
    for number in range(jobs):
        clients.one(number)
        if (done := number + 1) % EVERY == 0 or done == jobs:
            size = Size.of(server)
            figures = f"{size.memory_mb:>6} MB {size.threads:>8} {size.descriptors:>12} {size.temporary_files:>10}"
            print(f"{done:>5} {time.monotonic() - began:>6.0f} {figures}", flush=True)
            if done == min(WARM_UP, jobs):
                warm = size
    assert warm is not None
    return {
        "bench": "soak",
        "jobs": jobs,
        "warm": asdict(warm),
        "end": asdict(size),
        "grew": size.grew_since(warm),
    }


def main() -> None:
    """Run it and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("jobs", type=int, nargs="?", default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Server(HEAP, Path(folder) / "log") as server:
        server.wait_until_ready()
        result = soak(server, max(options.jobs, WARM_UP + EVERY))
    print(json.dumps(result))
    sys.exit(result["grew"])


if __name__ == "__main__":
    main()
