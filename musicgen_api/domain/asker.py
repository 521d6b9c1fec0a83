"""Who asks for a piece of music, as the queue, the log and the metrics know it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Asker:
    """Where a request came from. Empty: not known."""

    client: str = ""
    """The label of its key; empty for all where no keys are set."""
    request_id: str = ""
    family: str = ""
    """Of APIs, by the name of its folder."""


NOBODY = Asker()

CURRENT: ContextVar[Asker] = ContextVar("asker", default=NOBODY)
"""For whom this thread works: every line of its log says so."""


@contextmanager
def working_for(asker: Asker) -> Iterator[None]:
    """Let this thread work for `asker` within the block."""
    before = CURRENT.set(asker)
    try:
        yield
    finally:
        CURRENT.reset(before)
