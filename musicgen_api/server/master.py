"""gunicorn's master process: what it must not do, because the lock for the device is per process."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any


def keep_to_one_worker(arbiter: Any) -> None:
    """Take from gunicorn's master the signals that would run two workers at a time, and so two jobs."""
    arbiter.handle_ttin = _ignore(arbiter, "SIGTTIN")
    arbiter.handle_ttou = _ignore(arbiter, "SIGTTOU")
    arbiter.handle_usr2 = _ignore(arbiter, "SIGUSR2")
    arbiter.handle_hup = _replace_worker(arbiter)


def _ignore(arbiter: Any, name: str) -> Callable[[], None]:
    def handle() -> None:
        arbiter.log.warning("%s is ignored: the service is one process with one worker", name)

    return handle


def _replace_worker(arbiter: Any) -> Callable[[], None]:
    """SIGHUP: gunicorn would start the new worker first. Here the old one ends first, as at SIGTERM."""

    def handle() -> None:
        arbiter.log.info("SIGHUP: the worker is replaced when its job has ended")
        arbiter.kill_workers(signal.SIGTERM)

    return handle
