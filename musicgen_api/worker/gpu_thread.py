"""One dedicated thread that owns the device, and the lock that lets one job at a time reach it.

The lock is taken by whoever submits, without waiting, and released by the GPU thread alone, when it has really stopped
and before the job's outcome can be read. So the slot belongs to the work, not to the connection that asked for it: it
does not matter whether a response was ever started, read, or closed.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Protocol

from musicgen_api.errors import Busy, DeviceLost, GenerationFailed, MusicGenError, ShuttingDown
from musicgen_api.synthesis.request import Decoding, Monitor, Music, MusicRequest, Phase
from musicgen_api.worker.events import Completed, Failed, Outcome
from musicgen_api.worker.job import Job

log = logging.getLogger(__name__)

DEFAULT_RETRY_AFTER_S = 5
"""Said while the pace of the running job is not known."""

LONGEST_RETRY_AFTER_S = 600


class Synthesizer(Protocol):
    """What the GPU thread drives. Made and used on that thread; only the properties are read by others."""

    @property
    def loaded_models(self) -> frozenset[str]:
        """Ids of the models in memory. Replaced as a whole, never changed."""

    @property
    def decodings(self) -> Mapping[str, Decoding]:
        """How each of them is decoded. Replaced as a whole, never changed."""

    def preload(self, monitor: Monitor) -> None:
        """Load the default model. Raises `MusicGenError`."""

    def synthesize(self, request: MusicRequest, monitor: Monitor) -> Music:
        """Make one piece of music. Raises `MusicGenError`."""

    def release_idle(self) -> float | None:
        """Free what has been idle for too long; seconds until the next call makes sense, None for never."""


class GpuThread:
    """Runs jobs one after the other. Safe to call from any thread.

    Args:
        make_synthesizer: called on the GPU thread, once it works; imports and loads everything heavy.
        preload: load the default model at start; the service is busy until that is over.
        on_device_lost: called once, on the GPU thread, after the job that lost the device has ended.
    """

    def __init__(
        self,
        make_synthesizer: Callable[[], Synthesizer],
        *,
        preload: bool = True,
        on_device_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._make_synthesizer = make_synthesizer
        self._preload = preload
        self._on_device_lost = on_device_lost
        self._synthesizer: Synthesizer | None = None
        self._lock = threading.Lock()
        self._gate = threading.Lock()  # makes "not stopping, so hand over" one step; never held while waiting
        self._inbox: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._job: Job | None = None
        self._started_up = threading.Event()
        self._device_lost = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="gpu", daemon=True)

    # --- any thread

    def start(self) -> None:
        """Start the thread. It holds the lock until the start-up load is over."""
        self._lock.acquire()
        self._thread.start()

    def submit(self, request: MusicRequest) -> Job:
        """Hand over a request.

        Raises:
            ShuttingDown: `stop` was called.
            DeviceLost: the thread cannot work any more.
            Busy: the lock is taken.
        """
        with self._gate:
            if self._stopping:
                raise ShuttingDown
            if not self.alive:
                raise DeviceLost("The device was lost; the service is restarting.")
            if not self._lock.acquire(blocking=False):
                raise Busy(self.retry_after_s(), starting=not self._started_up.is_set())
            job = self._job = Job(request)
            self._inbox.put(job)
            return job

    @property
    def busy(self) -> bool:
        """The lock is taken."""
        return self._lock.locked()

    @property
    def alive(self) -> bool:
        """The thread runs and its device answers."""
        return self._thread.is_alive() and not self._device_lost

    @property
    def ready(self) -> bool:
        """The start-up load is over, well or badly, and the thread can work. Busy with a job is ready."""
        return self._started_up.is_set() and self.alive and not self._stopping

    @property
    def loaded_models(self) -> frozenset[str]:
        """Ids of the models in memory."""
        return self._synthesizer.loaded_models if self._synthesizer is not None else frozenset()

    @property
    def decodings(self) -> Mapping[str, Decoding]:
        """How each of the models in memory is decoded."""
        return self._synthesizer.decodings if self._synthesizer is not None else {}

    def retry_after_s(self) -> int:
        """When it makes sense to try again: whole seconds, from the running job's own pace where it is known."""
        job = self._job
        remaining_s = job.remaining_s if job is not None else None
        if remaining_s is None:
            return DEFAULT_RETRY_AFTER_S
        return min(max(math.ceil(remaining_s), 1), LONGEST_RETRY_AFTER_S)

    def stop(self, grace_s: float = 0.0, abandon_after_s: float = 5.0) -> None:
        """Take no new work; let the running job finish for `grace_s` seconds, then cancel it. Returns when it ended.

        A job that does not react to its cancel flag within `abandon_after_s` is abandoned: its reader gets the error,
        and the thread, a daemon, ends with the process.
        """
        with self._gate:
            self._stopping = True
            self._inbox.put(None)
        job = self._job
        if job is not None and not job.finished:
            self._thread.join(grace_s)
            job.cancel(ShuttingDown())
            self._thread.join(abandon_after_s)
            job.abandon()
        self._thread.join(abandon_after_s)

    # --- the GPU thread

    def _run(self) -> None:
        try:
            self._start_up()
            while (job := self._next_job()) is not None and not self._device_lost:
                self._serve(job)
                del job  # or its music would stay in memory until the next one
        except BaseException:
            log.exception("The GPU thread ended")
            self._device_lost = True
        if self._device_lost:
            self._on_device_lost()

    def _start_up(self) -> None:
        try:
            if self._preload:
                self._ensure_synthesizer().preload(_StartUp(lambda: self._stopping))
        except ShuttingDown:
            log.info("Told to stop while the default model was being loaded")
        except MusicGenError as error:
            self._device_lost = isinstance(error, DeviceLost)
            log.error("The default model could not be loaded: %s", error.message)
        except BaseException:
            log.exception("The synthesizer could not be started")
        finally:
            self._started_up.set()
            self._lock.release()

    def _ensure_synthesizer(self) -> Synthesizer:
        if self._synthesizer is None:
            self._synthesizer = self._make_synthesizer()
        return self._synthesizer

    def _next_job(self) -> Job | None:
        while not self._device_lost:
            timeout_s = self._synthesizer.release_idle() if self._synthesizer is not None else None
            try:
                return self._inbox.get(timeout=timeout_s)
            except queue.Empty:
                continue
        return None

    def _serve(self, job: Job) -> None:
        outcome: Outcome = Failed(GenerationFailed("The job ended without a result."))
        began = time.monotonic()
        try:
            outcome = self._work(job)
        finally:
            self._job = None
            self._lock.release()
            job.finish(outcome)
            log.info("%s after %.2f s: %s", _summary(outcome), time.monotonic() - began, _title(job.request))

    def _work(self, job: Job) -> Outcome:
        """The edge of the GPU thread: whatever happens inside becomes an outcome without a traceback."""
        try:
            job.check()
            return Completed(self._ensure_synthesizer().synthesize(job.request, job))
        except MusicGenError as error:
            self._device_lost = isinstance(error, DeviceLost)
            return Failed(_bare(error))
        except BaseException as error:  # a panic in a tokenizer's Rust code is no Exception
            trace_id = uuid.uuid4().hex[:12]
            log.exception("[%s] generating with %s failed", trace_id, job.request.model)
            failure = GenerationFailed(
                f"Generating with {job.request.model} failed ({type(error).__name__}); "
                f"the server's log has the details under {trace_id}."
            )
            failure.trace_id = trace_id
            return Failed(failure)


class _StartUp:
    """The monitor of the start-up load, which has no reader: it ends when the process is told to stop."""

    def __init__(self, stopping: Callable[[], bool]) -> None:
        self._stopping = stopping

    def check(self) -> None:
        if self._stopping():
            raise ShuttingDown

    def progress(self, percent: float, phase: Phase) -> None:
        """Nobody reads it."""

    def download(self, model: str, bytes_done: int, bytes_total: int) -> None:
        """Nobody reads it."""


def _bare(error: MusicGenError) -> MusicGenError:
    """`error` without the frames it came through, which would keep tensors alive; logged first where it has a cause."""
    if error.status >= 500 and error.__cause__ is not None:
        error.trace_id = uuid.uuid4().hex[:12]
        log.error("[%s] %s", error.trace_id, error.message, exc_info=error)
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


def _title(request: MusicRequest) -> str:
    """What was asked for, without the prompt, which is the client's own."""
    return f"{request.duration} s of {request.model}, seed {request.seed}{', mbd' if request.mbd else ''}"


def _summary(outcome: Outcome) -> str:
    return "completed" if isinstance(outcome, Completed) else outcome.error.code
