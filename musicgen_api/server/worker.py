"""gunicorn's worker class: the process around the loop, its signals and its end."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from gunicorn.workers.base import Worker

from musicgen_api.domain.errors import ShuttingDown
from musicgen_api.jobs.gpu_thread import GpuThread
from musicgen_api.server.answering import Answering
from musicgen_api.server.front import Front, Limits
from musicgen_api.settings import Settings

READING_THREADS = 4
"""For GET and its like, which must never wait for a job: health is answered whatever the other threads wait for."""
CANCELLING_S = 10.0
"""After the grace: for a job to react to its cancellation, and for clients to read their answers."""
ORPHAN_S = 1.5
"""The same where the master is dead and somebody will start the service anew."""


class FrontWorker(Worker):  # type: ignore[misc]
    """Serves with `front.Front`.

    After SIGTERM it takes no new job, and the running one has its grace; until its end new requests are answered, with
    503 where they ask for music. SIGINT and SIGQUIT cancel the running job, and so does the death of the master.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asked_to_stop: list[bool] = []  # with the grace?
        self._end_at = float("inf")

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Called by gunicorn's master before there is a worker."""
        if cfg.workers != 1:
            sys.exit("MusicGen API cannot start: it is one process, so gunicorn's option workers must be 1.")
        if cfg.is_ssl:
            sys.exit("MusicGen API cannot start: TLS belongs in a proxy; remove gunicorn's options for certificates.")

    # --- signals: they interrupt the loop anywhere, so they only leave word

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM."""
        self._ask_to_stop(with_grace=True)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGINT and SIGQUIT."""
        self._ask_to_stop(with_grace=False)

    def _ask_to_stop(self, *, with_grace: bool) -> None:
        self.alive = False
        self._asked_to_stop.append(with_grace)

    # --- the loop

    def run(self) -> None:
        """Serve until the process is told to end and all running work has ended."""
        pools = _Pools(self.cfg.threads)
        answering = Answering(self.wsgi, self.cfg, self.log, keeps=lambda: self.alive)
        said = self.wsgi.extensions["musicgen_error_shapes"].body
        front = Front(self.sockets, self._limits(), self.cfg, self.log, pools.submit, answering, said)
        front.on_readable(self.PIPE[0], self._empty_pipe)
        while self.alive or (front.at_work and time.monotonic() < self._end_at):
            self.notify()
            front.turn()
            if self._orphaned and self.alive:
                self._leave_port(front)
            if self._asked_to_stop:
                self._stop(self._settings.grace_s if self._asked_to_stop.pop() else 0.0)
        front.close(ShuttingDown())
        pools.close()
        if self._orphaned:
            os._exit(1)  # nobody waits for this process, whatever its threads still do

    def _limits(self) -> Limits:
        settings = self._settings
        return Limits(
            timeout_s=settings.client_timeout_s,
            keepalive_s=self.cfg.keepalive,
            max_body_bytes=settings.max_body_bytes,
            larger_bodies=self.wsgi.extensions["musicgen_larger_bodies"],
            max_connections=most_connections(self.cfg.worker_connections),
        )

    def _stop(self, grace_s: float) -> None:
        """Have the GPU thread stop, which takes as long as its grace, and see that the loop ends after it."""
        gpu_thread: GpuThread = self.wsgi.extensions["musicgen_gpu_thread"]
        threading.Thread(target=gpu_thread.stop, args=(grace_s,), name="stop").start()
        self._end_at = min(self._end_at, time.monotonic() + grace_s + (ORPHAN_S if self._orphaned else CANCELLING_S))

    def _leave_port(self, front: Front) -> None:
        self.log.info("The master process has gone: ending")
        front.stop_listening()
        self._ask_to_stop(with_grace=False)

    @property
    def _orphaned(self) -> bool:
        return bool(self.ppid != os.getppid())

    @property
    def _settings(self) -> Settings:
        settings: Settings = self.wsgi.extensions["musicgen_settings"]
        return settings

    def _empty_pipe(self, _events: int) -> None:
        """Signals write into it, so that the loop wakes up."""
        with suppress(BlockingIOError):
            os.read(self.PIPE[0], 4096)


class _Pools:
    """The threads."""

    def __init__(self, threads: int) -> None:
        self._reading = ThreadPoolExecutor(READING_THREADS, "read")
        self._working = ThreadPoolExecutor(threads, "http")

    def submit(self, method: str, function: Callable[[], None]) -> None:
        """Run `function` on a thread for requests of this method."""
        pool = self._reading if method in ("GET", "HEAD", "OPTIONS") else self._working
        pool.submit(function)

    def close(self) -> None:
        """Take nothing more. Threads that are at work end by themselves."""
        for pool in (self._reading, self._working):
            pool.shutdown(wait=False, cancel_futures=True)


def most_connections(wanted: int) -> int:
    """As many as leave a quarter of the process's descriptors, and 32 more, to the models and their libraries."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, max(8, soft * 3 // 4 - 32))
