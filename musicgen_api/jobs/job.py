"""A job: one request on its way through the GPU thread, and the mailbox between that thread and one reader.

The GPU thread never waits for the reader. Of the news only the newest is kept. Sound is kept in order and as a whole,
up to a bound at which the job fails. The outcome is set once and stays; it is read after all sound.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Callable

from musicgen_api.domain.asker import NOBODY, Asker
from musicgen_api.domain.errors import Cancelled, MusicGenError, ReaderTooSlow, ShuttingDown
from musicgen_api.domain.events import Downloading, Event, Failed, News, Outcome, Progress, Queued
from musicgen_api.domain.request import AS_ASKED, MusicRequest, Phase, Reading, Sound

MOST_UNREAD_BYTES = 64 * 2**20
"""Sound that is kept for a reader: 17 minutes of mono or 8 of stereo, more than the longest piece by default."""


class Job:
    """Written by the GPU thread (`progress`, `sound`, `download`, `finish`), read by one request's thread (`wait`)."""

    def __init__(
        self,
        request: MusicRequest,
        clock: Callable[[], float] = time.monotonic,
        *,
        asker: Asker = NOBODY,
        find_place: Callable[[Job], Queued | None] = lambda job: None,
        on_cancel: Callable[[Job], None] = lambda job: None,
    ) -> None:
        """`find_place` says where the job waits, None if it does not; `on_cancel` is called by whoever cancels it."""
        self.id = uuid.uuid4().hex[:12]
        """Under which the log speaks of it."""
        self.request = request
        self.asker = asker
        self._find_place = find_place
        self._on_cancel = on_cancel
        self._clock = clock
        self._asked_at = self._started_at = self._ended_at = clock()
        self._first_sound_at: float | None = None
        self.begun = False
        """The work on it has begun."""
        self._changed = threading.Condition()
        self._news: News | None = None
        self._unread = False
        self._sound: deque[Sound] = deque()
        self._unread_bytes = 0
        self._outcome: Outcome | None = None
        self._stop_reason: MusicGenError | None = None
        self._generating_since: tuple[float, float] | None = None
        self._reading = AS_ASKED

    # --- the reader's side

    def wait(self, timeout_s: float) -> Event | None:
        """The next sound or, after the last one, the outcome; if there is none after `timeout_s`, news not read yet.

        None: nothing is new. News wake nobody, or every step of a fast model would wake the reader and cost the GPU
        thread the interpreter.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._sound or self._outcome is not None, timeout_s)
            if self._sound:
                sound = self._sound.popleft()
                self._unread_bytes -= sound.samples.nbytes
                return sound
            if self._outcome is not None:
                return self._outcome
            if self._unread:
                self._unread = False
                return self._news
            return None

    def cancel(self, reason: MusicGenError | None = None) -> None:
        """Set the cancel flag; the GPU thread stops at its next check. Without effect on a finished job."""
        with self._changed:
            self._stop_reason = self._stop_reason or reason or Cancelled("The job was cancelled.")
        self._on_cancel(self)

    def place(self) -> Queued | None:
        """Where the job waits for its turn and for how long, None if it does not wait."""
        return self._find_place(self)

    def abandon(self) -> None:
        """The process is ending and the GPU thread did not stop in time: tell the reader so without waiting for it."""
        self.finish(Failed(ShuttingDown()))

    @property
    def finished(self) -> bool:
        """The outcome is there."""
        return self._outcome is not None

    @property
    def remaining_s(self) -> float | None:
        """Seconds that the job will still take at its own pace, None if it is too early to tell."""
        news = self._news
        if not isinstance(news, Progress) or news.remaining_s is None:
            return None
        return max(news.remaining_s - (self._clock() - self._started_at - news.elapsed_s), 0.0)

    # --- the GPU thread's side (`domain.request.Monitor`)

    def wait_at(self, place: Queued) -> None:
        """Keep this as the newest news."""
        self._post(place)

    def begin(self) -> None:
        """The work begins; a reader that was told of its place learns that it waits no longer."""
        self.begun = True
        self._started_at = self._clock()
        if isinstance(self._news, Queued):
            self.progress(0.0, Phase.LOADING)

    @property
    def stop_reason(self) -> MusicGenError | None:
        """Why the job was cancelled, if it was."""
        return self._stop_reason

    @property
    def waited_s(self) -> float:
        """Seconds from the request to the beginning of the work."""
        return self._started_at - self._asked_at

    @property
    def worked_s(self) -> float:
        """Seconds of work on a job that has ended."""
        return self._ended_at - self._started_at

    @property
    def first_sound_s(self) -> float:
        """Seconds from the request to the first sound of a job that has ended well."""
        return (self._ended_at if self._first_sound_at is None else self._first_sound_at) - self._asked_at

    def check(self) -> None:
        """Raise the reason for which the job must stop, if there is one."""
        if self._stop_reason is not None:
            raise self._stop_reason

    def progress(self, percent: float, phase: Phase) -> None:
        """Keep this as the newest news, with an estimate from the pace since generation began."""
        now = self._clock()
        if self._generating_since is None and phase is not Phase.LOADING:
            self._generating_since = (now, percent)
        remaining_s = self._estimate(now, percent)
        self._post(Progress(percent, phase, now - self._started_at, remaining_s, self._reading))

    def read(self, reading: Reading) -> None:
        """Say this with all progress from now on."""
        self._reading = reading

    def sound(self, sound: Sound) -> None:
        """Keep this for the reader.

        Raises:
            ReaderTooSlow: `MOST_UNREAD_BYTES` are kept already.
        """
        with self._changed:
            if self._first_sound_at is None:
                self._first_sound_at = self._clock()
            if self._unread_bytes + sound.samples.nbytes > MOST_UNREAD_BYTES:
                raise ReaderTooSlow("The music was not read as fast as it was made; the job was stopped.")
            self._sound.append(sound)
            self._unread_bytes += sound.samples.nbytes
            self._changed.notify_all()

    def download(self, model: str, bytes_done: int, bytes_total: int) -> None:
        """Keep this as the newest news."""
        self._post(Downloading(model, bytes_done, bytes_total))

    def finish(self, outcome: Outcome) -> None:
        """Set the outcome; the first one stays."""
        with self._changed:
            if self._outcome is None:
                self._ended_at = self._clock()
                self._outcome = outcome
                self._changed.notify_all()

    def _estimate(self, now: float, percent: float) -> float | None:
        if self._generating_since is None:
            return None
        since, from_percent = self._generating_since
        if percent - from_percent < 1 or now - since < 0.5:
            return None
        return (now - since) * (100 - percent) / (percent - from_percent)

    def _post(self, news: News) -> None:
        with self._changed:
            self._news, self._unread = news, True
