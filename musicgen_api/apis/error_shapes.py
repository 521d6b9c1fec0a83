"""In which JSON a family says that something failed: chosen by the path, because a 404 or a 413 reaches no route."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from musicgen_api.domain.errors import MusicGenError, error_body


@dataclass(frozen=True)
class ErrorShape:
    """How the clients of some paths expect errors. The defaults are the service's own shape."""

    paths: tuple[str, ...] = ()
    """These, and all below them."""
    body: Callable[[MusicGenError, int], dict[str, Any]] = lambda error, status: error_body(error)
    """Of an error that is answered with this status."""
    status: Callable[[MusicGenError], int] = lambda error: error.status
    longest_retry_after_s: int = 3600
    """The largest Retry-After that the family's clients obey."""


OWN = ErrorShape()


class ErrorShapes:
    """The shapes of all families."""

    def __init__(self, shapes: Iterable[ErrorShape]) -> None:
        self._shapes = tuple(shapes)

    def of(self, path: str) -> ErrorShape:
        """The shape for a request's path; the service's own where no family claims it."""
        parts = _parts(path)
        for shape in self._shapes:
            if any(parts[: len(_parts(above))] == _parts(above) for above in shape.paths):
                return shape
        return OWN

    def body(self, path: str, error: MusicGenError) -> dict[str, Any]:
        """What the front says where it answers by itself, with the error's own status."""
        return self.of(path.partition("?")[0]).body(error, error.status)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]
