"""How long a client may take to move its bytes, in either direction. Pure."""

from __future__ import annotations

SLOWEST_BYTES_PER_S = 1000.0
"""On average, once the first `timeout_s` are over. A 2G phone has ten times as much."""


class Pace:
    """Of one transfer: a request that is being sent, or an answer that is being read. Times are of a monotonic clock.

    A transfer is late when nothing moved for `timeout_s`, or when it is slower than `SLOWEST_BYTES_PER_S` as a whole:
    a byte now and then does not keep it alive.
    """

    def __init__(self, timeout_s: float, now: float) -> None:
        self._timeout_s = timeout_s
        self._began = self._moved_last = now
        self._bytes = 0

    def moved(self, count: int, now: float) -> None:
        """`count` bytes have come or gone."""
        self._moved_last = now
        self._bytes += count

    @property
    def deadline(self) -> float:
        """When the transfer is late unless more moves."""
        slowest = self._began + self._bytes / SLOWEST_BYTES_PER_S
        return min(self._moved_last, slowest) + self._timeout_s
