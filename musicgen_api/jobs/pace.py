"""How long a job will take, judged by those before it."""

from __future__ import annotations

from statistics import fmean

from musicgen_api.domain.request import MusicRequest


class Pace:
    """Seconds of work for each second of music, by model. A new job counts as much as all earlier ones together."""

    def __init__(self) -> None:
        self._by_model: dict[str, float] = {}

    def learn(self, request: MusicRequest, worked_s: float) -> None:
        """A job has been completed in so many seconds."""
        pace = worked_s / seconds_of(request)
        self._by_model[request.model] = (self._by_model.get(request.model, pace) + pace) / 2

    def estimate_s(self, request: MusicRequest) -> float | None:
        """Seconds of work for `request`; by other models' pace where its own is not known, None where none is."""
        known = self._by_model.copy()  # the GPU thread may learn meanwhile
        if not known:
            return None
        return known.get(request.model, fmean(known.values())) * seconds_of(request)


def seconds_of(request: MusicRequest) -> float:
    """Seconds of music that the request asks for, all takes together."""
    return request.duration * request.takes
