"""A job: one request on its way through the GPU thread, and the mailbox between that thread and one reader.

The GPU thread never waits for the reader: of the news only the newest is kept. The outcome is set once and stays.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from musicgen_api.errors import Cancelled, MusicGenError, ShuttingDown
from musicgen_api.synthesis.request import MusicRequest, Phase
from musicgen_api.worker.events import Downloading, Event, Failed, News, Outcome, Progress


class Job:
    """Written by the GPU thread (`progress`, `download`, `finish`), read by one request's thread (`wait`)."""

    def __init__(self, request: MusicRequest, clock: Callable[[], float] = time.monotonic) -> None:
        self.request = request
        self._clock = clock
        self._started_at = clock()
        self._ended = threading.Condition()
        self._news: News | None = None
        self._unread = False
        self._outcome: Outcome | None = None
        self._stop_reason: MusicGenError | None = None
        self._generating_since: tuple[float, float] | None = None

    # --- the reader's side

    def wait(self, timeout_s: float) -> Event | None:
        """The outcome as soon as it is there; after `timeout_s` seconds without, the news not read yet, or None.

        News wake nobody, or every step of a fast model would wake the reader and cost the GPU thread the interpreter.
        """
        with self._ended:
            self._ended.wait_for(lambda: self._outcome is not None, timeout_s)
            if self._outcome is not None:
                return self._outcome
            if self._unread:
                self._unread = False
                return self._news
            return None

    def cancel(self, reason: MusicGenError | None = None) -> None:
        """Set the cancel flag; the GPU thread stops at its next check. Without effect on a finished job."""
        with self._ended:
            self._stop_reason = self._stop_reason or reason or Cancelled("The job was cancelled.")

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

    # --- the GPU thread's side (`synthesis.request.Monitor`)

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
        self._post(Progress(percent, phase, now - self._started_at, remaining_s))

    def download(self, model: str, bytes_done: int, bytes_total: int) -> None:
        """Keep this as the newest news."""
        self._post(Downloading(model, bytes_done, bytes_total))

    def finish(self, outcome: Outcome) -> None:
        """Set the outcome; the first one stays."""
        with self._ended:
            if self._outcome is None:
                self._outcome = outcome
                self._ended.notify_all()

    def _estimate(self, now: float, percent: float) -> float | None:
        if self._generating_since is None:
            return None
        since, from_percent = self._generating_since
        if percent - from_percent < 1 or now - since < 0.5:
            return None
        return (now - since) * (100 - percent) / (percent - from_percent)

    def _post(self, news: News) -> None:
        with self._ended:
            self._news, self._unread = news, True
