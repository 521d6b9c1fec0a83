"""How many CPU threads a step runs with: all, or one, whichever is faster at the moment.

A step is hundreds of short parallel regions. On idle cores more threads pay; on a busy machine every region
waits until the last thread gets a core, which makes a step up to ten times slower than one thread would be
(docs/engine-log.md). A small model is always faster with one. So the other count is tried now and then for
a few steps, ever more rarely while it does not pay. The count does not change a result: the threads of a
step share outputs, not sums.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

_TRIAL_STEPS = 3
_FIRST_TRIAL = 4
_LONGEST_PAUSE = 512
_GIVE_UP = 1.5
_WORTH_IT = 0.95


@dataclass
class ThreadTuner:
    """Chooses between one thread and `most`. Told how long each step took; knows nothing else."""

    most: int
    current: int = 0
    _times: list[float] = field(default_factory=list)
    _trial: list[float] | None = None
    _pause: int = _FIRST_TRIAL
    _until_trial: int = _FIRST_TRIAL

    def __post_init__(self) -> None:
        """Start with all threads."""
        self.current = self.most

    @property
    def threads(self) -> int:
        """The count to run the next step with."""
        return self.current if self._trial is None else self._other

    @property
    def _other(self) -> int:
        return 1 if self.current == self.most else self.most

    def record(self, seconds: float) -> None:
        """Take note of how long a step took that ran with `threads`."""
        if self.most == 1:
            return
        if self._trial is None:
            self._times = [*self._times[-7:], seconds]
            self._until_trial -= 1
            if self._until_trial <= 0:
                self._trial = []
            return
        self._trial.append(seconds)
        hopeless = seconds > _GIVE_UP * _median(self._times)
        if hopeless or len(self._trial) == _TRIAL_STEPS:
            self._conclude(hopeless)

    def _conclude(self, hopeless: bool) -> None:
        assert self._trial is not None
        better = not hopeless and _median(self._trial) < _WORTH_IT * _median(self._times)
        if better:
            self.current, self._times = self._other, self._trial
        self._pause = 2 * _FIRST_TRIAL if better else min(2 * self._pause, _LONGEST_PAUSE)
        self._trial, self._until_trial = None, self._pause


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


@contextmanager
def tuned_step(tuner: ThreadTuner | None) -> Iterator[None]:
    """Run one step with the tuner's thread count and tell it the time. Without a tuner, do nothing."""
    if tuner is None:
        yield
        return
    if torch.get_num_threads() != tuner.threads:
        torch.set_num_threads(tuner.threads)
    began = time.perf_counter()
    yield
    tuner.record(time.perf_counter() - began)


@contextmanager
def threads_restored() -> Iterator[None]:
    """Leave torch's thread count as it was found."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
