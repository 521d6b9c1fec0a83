"""How far a job is: counted work of each phase, mapped to one percentage that never falls."""

from __future__ import annotations

from collections.abc import Mapping

from musicgen_api.domain.request import Monitor, Phase

LAST_BEFORE_THE_END = 99.9
"""Only the code that delivers the result says 100, at the end."""


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
        """`units` more are done; 0 only asks. Raises `errors.Cancelled` when the job must stop."""
        self._monitor.check()
        if units:
            self._done += units
            self._report()

    def _report(self) -> None:
        fraction = min(self._done / self._total, 1.0)
        percent = min(self._base + fraction * self._shares[self._phase], LAST_BEFORE_THE_END)
        self._percent = max(self._percent, percent)
        self._monitor.progress(self._percent, self._phase)
