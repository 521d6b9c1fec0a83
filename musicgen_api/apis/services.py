"""What all generating routes share: hand a request to the GPU thread and follow the job while the client is there."""

from __future__ import annotations

import time
from collections.abc import Iterator

from flask import current_app

from musicgen_api.apis.connection import Connection
from musicgen_api.apis.operations.meters import Meters
from musicgen_api.domain.errors import Cancelled
from musicgen_api.domain.events import Completed, Event, Failed
from musicgen_api.domain.request import Music, MusicRequest
from musicgen_api.jobs.gpu_thread import GpuThread
from musicgen_api.jobs.job import Job
from musicgen_api.models.catalog import Catalog
from musicgen_api.settings import Settings

POLL_S = 0.05
"""How often a waiting request looks whether its client is still there."""


def settings() -> Settings:
    """The service's settings."""
    value: Settings = current_app.extensions["musicgen_settings"]
    return value


def catalog() -> Catalog:
    """The service's models."""
    value: Catalog = current_app.extensions["musicgen_catalog"]
    return value


def gpu_thread() -> GpuThread:
    """The service's one GPU thread."""
    value: GpuThread = current_app.extensions["musicgen_gpu_thread"]
    return value


def meters() -> Meters:
    """The service's figures."""
    value: Meters = current_app.extensions["musicgen_meters"]
    return value


def follow(job: Job, connection: Connection, heartbeat_s: float) -> Iterator[Event | None]:
    """The job's events as they come, its outcome last; whenever `heartbeat_s` seconds passed without one, its place in
    the line, or None if it does not wait.

    If the client goes away, the job is cancelled and the iteration ends without an outcome.
    """
    silent_since = time.monotonic()
    while not connection.closed:
        event = job.wait(POLL_S)
        if event is not None or time.monotonic() - silent_since >= heartbeat_s:
            silent_since = time.monotonic()
            yield event or job.place()
        if isinstance(event, Completed | Failed):
            return
    job.cancel(Cancelled("The client closed the connection."))


def make(request: MusicRequest) -> Music:
    """The finished music. A client that leaves before stops the job.

    Raises:
        MusicGenError: the request could not be taken, the job failed, or the client has gone.
    """
    job = gpu_thread().submit(request)
    for event in follow(job, Connection(), settings().heartbeat_s):
        match event:
            case Completed(music):
                return music
            case Failed(error):
                raise error
    raise Cancelled("The client closed the connection.")
