"""The line of jobs that wait for the GPU thread: a bounded number, first come, first served, clients taking turns.

Not safe to call from several threads: its owner guards it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from itertools import count

from musicgen_api.domain.events import Queued
from musicgen_api.jobs.job import Job
from musicgen_api.jobs.pace import Pace


class Line:
    """Next comes the client whose last turn is longest ago; of one client's jobs, the oldest.

    A place is kept for each client that has none, so that one client cannot take all of them.

    Args:
        places: most jobs that wait. 0: nobody waits.
        clients: those who share the places, as `Asker.client` names them; none where all are one client.
    """

    def __init__(self, places: int = 0, clients: Collection[str] = ()) -> None:
        self.pace = Pace()
        """Learns from those who are through how long those who wait will take."""
        self._places = places
        self._clients = frozenset(clients)
        self._waiting: list[Job] = []  # in the order of their arrival
        self._order: list[Job] = []  # in that of their turns
        self._turns = count(1)
        self._last_turn: dict[str, int] = {}

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def order(self) -> list[Job]:
        """Those who wait, in the order of their turns if nobody else comes."""
        return self._order

    def places(self, running_s: float | None) -> Iterator[tuple[Job, Queued]]:
        """Those who wait and where, in the order of their turns; `running_s`: until the first of them has its turn."""
        wait_s = running_s
        for position, job in enumerate(self._order, start=1):
            yield job, Queued(position, wait_s)
            work_s = self.pace.estimate_s(job.request)
            wait_s = None if wait_s is None or work_s is None else wait_s + work_s

    def until_a_place_s(self, client: str, running_s: float | None) -> float | None:
        """Seconds until a job of `client` may join, None if it is too early to tell.

        That is when the next one has its turn or, where others' places are free but the client has all that are its
        due, when a job of its own has.
        """
        own_only = len(self) < self._places
        turns = (place for job, place in self.places(running_s) if not own_only or job.asker.client == client)
        first = next(turns, None)
        return running_s if first is None else first.wait_s

    def has_place_for(self, client: str) -> bool:
        """Whether a job of this client may join."""
        free = self._places - len(self._waiting)
        holders = {job.asker.client for job in self._waiting}
        return free > (len(self._clients - holders) if client in holders else 0)

    def join(self, job: Job) -> None:
        """Wait."""
        self._waiting.append(job)
        self._sort()

    def leave(self, job: Job) -> bool:
        """Wait no longer; did the job wait at all?"""
        if job not in self._waiting:
            return False
        self._waiting.remove(job)
        self._sort()
        return True

    def take_turn(self, job: Job) -> None:
        """It is this job's turn, whether it waited or not."""
        self._last_turn[job.asker.client] = next(self._turns)
        if not self.leave(job):
            self._sort()

    def clear(self) -> list[Job]:
        """Send all away."""
        dismissed, self._waiting, self._order = self._order, [], []
        return dismissed

    def _sort(self) -> None:
        """Play the turns through: each goes to the client whose last one is longest ago, at equality to the first."""
        jobs: dict[str, deque[Job]] = {}
        for job in self._waiting:
            jobs.setdefault(job.asker.client, deque()).append(job)
        clients = deque(sorted(jobs, key=lambda client: self._last_turn.get(client, 0)))
        self._order = []
        while clients:
            client = clients.popleft()
            self._order.append(jobs[client].popleft())
            if jobs[client]:
                clients.append(client)
