"""One dedicated thread that owns the device, and the lock that lets one job at a time reach it.

The lock is taken by whoever submits, without waiting, and released by the GPU thread alone, when it has really stopped
and before the job's outcome can be read. So the slot belongs to the work, not to the connection that asked for it: it
does not matter whether a response was ever started, read, or closed.

Where jobs may wait, those who find the lock taken stand in a line, and the GPU thread hands the lock on to the next
one. It is free only while nobody waits.
"""

from __future__ import annotations

import copy
import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Mapping

from musicgen_api.domain.asker import CURRENT, NOBODY, Asker, working_for
from musicgen_api.domain.errors import Busy, DeviceLost, GenerationFailed, MusicGenError, ShuttingDown, StartFailed
from musicgen_api.domain.events import Completed, Failed, Outcome, Queued
from musicgen_api.domain.request import Backend, MusicRequest
from musicgen_api.jobs.failures import explain
from musicgen_api.jobs.job import Job
from musicgen_api.jobs.line import Line
from musicgen_api.jobs.synthesizer import Preloading, Synthesizer

log = logging.getLogger(__name__)

DEFAULT_RETRY_AFTER_S = 5
"""Said while the pace of the running job is not known."""

LONGEST_RETRY_AFTER_S = 600

LOST = "The device was lost; the service is restarting."

LONGEST_RELOAD_S = 300.0
"""Longest wait between two tries to load a default model that could not be loaded."""


class GpuThread:
    """Runs jobs one after the other. Safe to call from any thread.

    Args:
        make_synthesizer: called on the GPU thread, once, whether it works or not; imports everything heavy.
        preload: load the default model at start; the service is busy until that is over.
        on_device_lost: called once, on the GPU thread, after the job that lost the device has ended.
        reload_after_s: if that load fails, it is tried again after so many seconds, then after twice as many, ...
        soonest: of the seconds until this process is free, makes those until any one is, where there are several.
        line: where jobs wait; nobody waits where it has no places.
    """

    def __init__(
        self,
        make_synthesizer: Callable[[], Synthesizer],
        *,
        preload: bool = True,
        on_device_lost: Callable[[], None] = lambda: None,
        reload_after_s: float = 10.0,
        soonest: Callable[[int], int] = lambda own_s: own_s,
        line: Line | None = None,
    ) -> None:
        self._make_synthesizer = make_synthesizer
        self._preload = preload
        self._on_device_lost = on_device_lost
        self._synthesizer: Synthesizer | None = None
        self._lock = threading.Lock()
        self._gate = threading.Lock()  # makes "not stopping, so hand over" one step; never held while waiting
        self._soonest = soonest
        self._line = Line() if line is None else line  # guarded by the gate
        self._inbox: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._job: Job | None = None
        self._loading = True  # the default model, by nobody's request: at the start and at each new try
        self._reload_after_s = reload_after_s
        self._reload_at = 0.0
        self._load_failure: MusicGenError | None = None  # why the default model is not there, until it is
        self._start_failure: MusicGenError | None = None  # why the synthesizer could not be made; final
        self._device_lost = False
        self._stopping = False
        self._listeners: list[Callable[[Job, Outcome], None]] = []
        self._thread = threading.Thread(target=self._run, name="gpu", daemon=True)

    # --- any thread

    def start(self) -> None:
        """Start the thread. It holds the lock until the start-up load is over."""
        self._lock.acquire()
        self._thread.start()

    def listen(self, on_end: Callable[[Job, Outcome], None]) -> None:
        """Call `on_end` when a job has ended, on whatever thread ended it. Before the first job."""
        self._listeners.append(on_end)

    def submit(self, request: MusicRequest, asker: Asker | None = None) -> Job:
        """Hand over a request, or let it wait for its turn where there is a place; for `CURRENT` or another asker.

        Raises:
            ShuttingDown: `stop` was called.
            StartFailed, DeviceMissing, DeviceLost: the thread cannot work; see `dead_because`.
            Busy: the lock is taken, and so are all places that `asker` may have.
        """
        asker = asker or CURRENT.get()
        with self._gate:
            if self._stopping:
                raise ShuttingDown
            if (reason := self.dead_because) is not None:
                raise reason
            job = Job(request, asker=asker, find_place=self._place_of, on_cancel=self._leave)
            if self._lock.acquire(blocking=False):
                self._hand_over(job)
                return job
            if self._line.has_place_for(asker.client):
                self._line.join(job)
                self._tell_places()
                return job
            own_s, waiting = self._retry_after_s(asker), len(self._line)
        raise Busy(self._soonest(own_s), starting=self._loading, waiting=waiting)

    @property
    def busy(self) -> bool:
        """The lock is taken."""
        return self._lock.locked()

    @property
    def takes_work(self) -> bool:
        """A request would be taken now, at once or to wait for its turn."""
        with self._gate:
            return not self._stopping and (not self.busy or self._line.has_place_for(NOBODY.client))

    @property
    def waiting(self) -> int:
        """How many jobs wait for their turn."""
        return len(self._line)

    @property
    def dead_because(self) -> MusicGenError | None:
        """Why this process will generate nothing any more, and only a new one may; None while it can."""
        if self._start_failure is not None:
            return copy.copy(self._start_failure)  # who raises it hangs frames on it
        if self._device_lost:
            return DeviceLost(LOST)
        return None if self._thread.is_alive() else ShuttingDown()

    @property
    def unready_because(self) -> MusicGenError | None:
        """Why a request for the default model would be in vain now, apart from other jobs; None if it would not.

        `Unavailable`: that will pass. Busy with a job is ready.
        """
        if self._stopping:
            return ShuttingDown()
        if (reason := self.dead_because or self._load_failure) is not None:
            return reason
        return Busy(self.retry_after_s(here=True), starting=True) if self._loading else None

    @property
    def alive(self) -> bool:
        """The synthesizer could be made or was not needed yet, the thread runs, and its device answers."""
        return self.dead_because is None

    @property
    def ready(self) -> bool:
        """The start-up load is over and went well. Busy with a job is ready."""
        return self.unready_because is None

    @property
    def backends(self) -> Mapping[str, Backend]:
        """What generates with each model in memory, by its id."""
        return self._synthesizer.backends if self._synthesizer is not None else {}

    def retry_after_s(self, *, here: bool = False) -> int:
        """When it makes sense to try again: whole seconds, from the running job's own pace where it is known.

        Then the lock is free, or a place in the line: of this process where `here`, else of the soonest one.
        """
        with self._gate:
            own_s = self._retry_after_s(NOBODY)
        return own_s if here else self._soonest(own_s)

    def stop(self, grace_s: float = 0.0, abandon_after_s: float = 5.0) -> None:
        """Take no new work; let the running job finish for `grace_s` seconds, then cancel it. Returns when it ended.

        A job that does not react to its cancel flag within `abandon_after_s` is abandoned: its reader gets the error,
        and the thread, a daemon, ends with the process.
        """
        with self._gate:
            self._stopping = True
            self._inbox.put(None)
            job = self._job
        self._dismiss_line(ShuttingDown)
        if job is not None and not job.finished:
            self._thread.join(grace_s)
            job.cancel(ShuttingDown())
            self._thread.join(abandon_after_s)
            job.abandon()
        self._thread.join(abandon_after_s)

    # --- any thread, with the gate held

    def _hand_over(self, job: Job) -> None:
        """Give the lock, which is taken, to `job`."""
        self._job = job
        self._line.take_turn(job)
        self._inbox.put(job)

    def _tell_places(self) -> None:
        """The line has changed."""
        for job, place in self._line.places(self._running_s()):
            job.wait_at(place)

    def _running_s(self) -> float | None:
        """Seconds that the running job will still take, None if it is too early to tell."""
        return self._job.remaining_s if self._job is not None else None

    def _retry_after_s(self, asker: Asker) -> int:
        wait_s = self._line.until_a_place_s(asker.client, self._running_s())
        if wait_s is None:
            return DEFAULT_RETRY_AFTER_S
        return min(max(math.ceil(wait_s), 1), LONGEST_RETRY_AFTER_S)

    # --- any thread

    def _place_of(self, job: Job) -> Queued | None:
        with self._gate:
            places = self._line.places(self._running_s())
            return next((place for other, place in places if other is job), None)

    def _leave(self, job: Job) -> None:
        """It was cancelled: if it waits, its place is free at once."""
        with self._gate:
            if not self._line.leave(job):
                return
            self._tell_places()
        self._end(job, Failed(job.stop_reason or ShuttingDown()))

    def _dismiss_line(self, reason: Callable[[], MusicGenError]) -> None:
        """Nobody who waits will have a turn."""
        with self._gate:
            dismissed = self._line.clear()
        for job in dismissed:
            self._end(job, Failed(reason()))  # one for each: who raises it hangs frames on it

    def _end(self, job: Job, outcome: Outcome) -> None:
        """Publish the outcome of a job that has neither the lock nor a place any more."""
        job.finish(outcome)
        with working_for(job.asker):
            after = f"{job.worked_s:.2f} s" if job.begun else "waiting"
            log.info("[%s] %s after %s: %s", job.id, _summary(outcome), after, _title(job.request))
        for on_end in self._listeners:
            on_end(job, outcome)

    # --- the GPU thread

    def _run(self) -> None:
        try:
            self._load_default_model()
            while (job := self._next_job()) is not None and not self._device_lost:
                self._serve(job)
                del job  # or its music would stay in memory until the next one
        except BaseException:
            log.exception("The GPU thread ended")
            self._device_lost = True
        if self._device_lost:
            self._dismiss_line(lambda: DeviceLost(LOST))
            self._on_device_lost()

    def _load_default_model(self) -> None:
        """Load the default model where that is asked for, or keep the reason. Releases the lock, which is held."""
        self._loading = True
        try:
            if self._preload:
                self._ensure_synthesizer().preload(Preloading(lambda: self._stopping))
                self._load_failure = None
        except ShuttingDown:
            log.info("Told to stop while the default model was being loaded")
        except BaseException as error:
            self._load_failure = self._explain(error, "Loading the default model")
            log.error("The default model could not be loaded: %s", self._load_failure.message)
            self._reload_at = time.monotonic() + self._reload_after_s
            self._reload_after_s = min(2 * self._reload_after_s, LONGEST_RELOAD_S)
        finally:
            self._loading = False
            self._hand_on()

    def _ensure_synthesizer(self) -> Synthesizer:
        """The synthesizer, made at the first call. What an import left half done is not imported again."""
        if self._synthesizer is None:
            try:
                self._synthesizer = self._make_synthesizer()
            except BaseException as error:
                self._start_failure = self._explain(error, "Starting the synthesizer", StartFailed)
                raise copy.copy(self._start_failure) from None
        return self._synthesizer

    def _next_job(self) -> Job | None:
        """Wait for the next job, and do the due work between jobs. None: no more jobs will come."""
        while not self._device_lost:
            release_s = self._synthesizer.release_idle() if self._synthesizer is not None else None
            waits_s = [seconds for seconds in (release_s, self._reload_in_s()) if seconds is not None]
            try:
                return self._inbox.get(timeout=min(waits_s, default=None))
            except queue.Empty:
                # The lock is taken if a job has just been submitted: that one first.
                if self._reload_in_s() == 0 and self._lock.acquire(blocking=False):
                    self._load_default_model()
        return None

    def _reload_in_s(self) -> float | None:
        """Seconds until the next try to load the default model; None: no try is needed."""
        if self._load_failure is None or self._synthesizer is None:
            return None
        return max(self._reload_at - time.monotonic(), 0.0)

    def _serve(self, job: Job) -> None:
        outcome: Outcome = Failed(GenerationFailed("The job ended without a result."))
        began = time.monotonic()
        try:
            job.begin()
            with working_for(job.asker):
                outcome = self._work(job)
        finally:
            if self._synthesizer is not None and self._synthesizer.default_model_loaded:
                self._load_failure = None
            if isinstance(outcome, Completed):
                self._line.pace.learn(job.request, time.monotonic() - began)
            self._hand_on()
            self._end(job, outcome)

    def _hand_on(self) -> None:
        """Give the lock to the next one in the line, or release it."""
        with self._gate:
            self._job = None
            following = None if self._stopping or self._device_lost else next(iter(self._line.order), None)
            if following is None:
                self._lock.release()
            else:
                self._hand_over(following)
                self._tell_places()

    def _work(self, job: Job) -> Outcome:
        """The edge of the GPU thread: whatever happens inside becomes an outcome without a traceback."""
        try:
            job.check()
            return Completed(self._ensure_synthesizer().synthesize(job.request, job))
        except BaseException as error:  # a panic in a tokenizer's Rust code is not an Exception
            return Failed(self._explain(error, f"Generating with {job.request.model}"))

    def _explain(self, error: BaseException, what: str, kind: type[MusicGenError] = GenerationFailed) -> MusicGenError:
        self._device_lost = self._device_lost or isinstance(error, DeviceLost)
        return explain(error, what, kind)


def _title(request: MusicRequest) -> str:
    """What was asked for, without the prompt, which is the client's own."""
    return f"{request.duration:g} s of {request.model}, seed {request.seed}{', mbd' if request.mbd else ''}"


def _summary(outcome: Outcome) -> str:
    return "completed" if isinstance(outcome, Completed) else outcome.error.code
