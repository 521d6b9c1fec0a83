"""How far a job is: counted work of each phase, mapped to one percentage that never falls.

AudioCraft's own pairs (done, total) jump back at each window of a long piece (genmodel.py, 1.3.0), so calls are counted
against the exact number that there will be.
"""

from __future__ import annotations

from collections.abc import Mapping

from musicgen_api.synthesis.request import Monitor, Phase

LAST_BEFORE_THE_END = 99.9
"""100 is said at the end only, by whoever delivers the result."""


def count_steps(duration_s: float, *, frame_rate: float, max_duration_s: float, stride_s: float, max_delay: int) -> int:
    """Number of progress callbacks that AudioCraft makes for a piece of `duration_s` seconds without a prompt.

    A window of the model makes its new frames and, because of the delay pattern, `max_delay` steps more; windows after
    the first keep `max_duration_s - stride_s` seconds of the one before (`MusicGen._generate_tokens`, 1.3.0).
    """
    frames = int(duration_s * frame_rate)
    if duration_s <= max_duration_s:
        return frames + max_delay
    stride = int(frame_rate * stride_s)
    steps = offset = kept = 0
    while offset + kept < frames:
        window_s = min(duration_s - offset / frame_rate, max_duration_s)
        window = int(window_s * frame_rate)
        steps += window - kept + max_delay
        kept = window - stride
        offset += stride
    return steps


class ProgressMeter:
    """Turns "one more unit of this phase" into a percentage of the whole job.

    `shares` are the phases in order and their weights, any unit. Every call asks the monitor whether to stop.
    """

    def __init__(self, monitor: Monitor, shares: Mapping[Phase, float]) -> None:
        whole = sum(shares.values())
        self._monitor = monitor
        self._shares = {phase: 100 * share / whole for phase, share in shares.items()}
        self._phase = next(iter(shares))
        self._base = self._done = 0.0
        self._total = 1.0
        self._percent = 0.0

    def enter(self, phase: Phase, total: float) -> None:
        """Begin `phase`, which has `total` units of work."""
        self._monitor.check()
        phases = list(self._shares)
        self._base = sum(self._shares[before] for before in phases[: phases.index(phase)])
        self._phase, self._done, self._total = phase, 0.0, max(total, 1e-9)
        self._report()

    def step(self, units: float = 1.0) -> None:
        """`units` more are done. Raises `errors.Cancelled` when the job must stop."""
        self._monitor.check()
        self._done += units
        self._report()

    def _report(self) -> None:
        fraction = min(self._done / self._total, 1.0)
        percent = min(self._base + fraction * self._shares[self._phase], LAST_BEFORE_THE_END)
        self._percent = max(self._percent, percent)
        self._monitor.progress(self._percent, self._phase)
