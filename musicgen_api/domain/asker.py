"""Who asks for a piece of music, as the queue, the log and the metrics know it."""

from __future__ import annotations

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
