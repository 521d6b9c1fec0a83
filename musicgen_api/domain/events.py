"""What a job tells its reader."""

from __future__ import annotations

from dataclasses import dataclass

from musicgen_api.domain.errors import MusicGenError
from musicgen_api.domain.request import AS_ASKED, Music, Phase, Reading, Sound


@dataclass(frozen=True)
class Downloading:
    """Files of the model are being downloaded. `bytes_total` 0: not known yet."""

    model: str
    bytes_done: int
    bytes_total: int


@dataclass(frozen=True)
class Queued:
    """The job waits for its turn. `position` 1 comes next."""

    position: int
    wait_s: float | None  # None: too early to tell


@dataclass(frozen=True)
class Progress:
    """`percent` of the job, 0 to below 100; never falls within a job."""

    percent: float
    phase: Phase
    elapsed_s: float
    remaining_s: float | None  # None: too early to tell
    reading: Reading = AS_ASKED


@dataclass(frozen=True)
class Completed:
    """The last event of a job that succeeded."""

    music: Music


@dataclass(frozen=True)
class Failed:
    """The last event of a job that failed. The error carries no traceback."""

    error: MusicGenError


News = Downloading | Queued | Progress
Outcome = Completed | Failed
Event = News | Sound | Outcome
