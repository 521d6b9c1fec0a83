"""How many CPU threads a step runs with: all, or one, whichever is faster at the moment.

A step is hundreds of short parallel regions. On idle cores more threads pay; on a busy machine every region
waits until the last thread gets a core, which makes a step up to ten times slower than one thread would be
(docs/engine-log.md). So the other count is tried for a few steps: ever more rarely as time goes by, and at once
when the current one has become slower than the other was. The count does not change a result: the threads of a
step share outputs, not sums.
"""

import enum
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import fmean as mean

import torch

_TRIAL_STEPS = 3
_FIRST_TRIAL = 2
_BACK_OFF = 4
_LONGEST_PAUSE = 512
_GIVE_UP = 1.5
_WORTH_IT = 0.95
_REMEMBERED = 8


class _Phase(enum.Enum):
    """What the tuner does with the steps to come."""

    SETTLED = "run with the current count"
    TRIAL = "run with the other one, and see"


class ThreadTuner:
    """Chooses between one thread and `most`. Told how long each step took; knows nothing else.

    Counts are compared by their mean over the last steps: on a busy machine most steps are fast with all threads, and
    a few take a hundred times as long.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.current = most
        self._phase = _Phase.SETTLED
        self._left = _FIRST_TRIAL
        """Steps until the phase ends."""
        self._pause = _FIRST_TRIAL
        self._taken: dict[int, deque[float]] = {count: deque(maxlen=_REMEMBERED) for count in (1, most)}

    @property
    def threads(self) -> int:
        """The count to run the next step with."""
        return self.current if self._phase is _Phase.SETTLED else self._other

    @property
    def _other(self) -> int:
        return 1 if self.current == self.most else self.most

    def record(self, seconds: float) -> None:
        """Take note of how long a step took that ran with `threads`."""
        if self.most == 1:
            return
        self._taken[self.threads].append(seconds)
        self._left -= 1
        if self._phase is _Phase.SETTLED:
            if self._left <= 0 or self._other_was_faster():
                self._begin_trial()
        elif self._left <= 0 or seconds > _GIVE_UP * mean(self._taken[self.current]):
            self._settle()

    def _begin_trial(self) -> None:
        self._phase, self._left = _Phase.TRIAL, _TRIAL_STEPS
        self._taken[self._other].clear()

    def _settle(self) -> None:
        """Keep the faster count; the next trial comes after a longer pause."""
        if self._other_was_faster():
            self.current = self._other
        self._pause = min(_BACK_OFF * self._pause, _LONGEST_PAUSE)
        self._phase, self._left = _Phase.SETTLED, self._pause

    def _other_was_faster(self) -> bool:
        """Whether the other count, when it was last used, took less than the current one does now."""
        other = self._taken[self._other]
        return bool(other) and mean(other) < _WORTH_IT * mean(self._taken[self.current])


@contextmanager
def tuned_step(tuner: ThreadTuner | None) -> Iterator[None]:
    """Run one step with the tuner's thread count and tell it the time. Without a tuner, do nothing.

    Torch's thread count is afterwards what it was: whoever reads the frames between two steps works with all threads.
    """
    if tuner is None:
        yield
        return
    with torch_threads(tuner.threads):
        began = time.perf_counter()
        yield
        tuner.record(time.perf_counter() - began)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch work with `count` threads, then with as many as before."""
    before = torch.get_num_threads()
    if count != before:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if count != before:
            torch.set_num_threads(before)
