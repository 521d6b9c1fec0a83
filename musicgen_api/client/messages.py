"""What goes to the service and what comes back, as small classes."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Upload:
    """A sound file for the service."""

    name: str
    data: bytes = field(repr=False)

    @classmethod
    def of(cls, path: Path) -> Upload:
        """The file at `path`. Raises OSError."""
        return cls(path.name, path.read_bytes())

    @property
    def content_type(self) -> str:
        """As the name says; the service looks at the bytes."""
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"


@dataclass(frozen=True)
class Order:
    """A request for music: the fields of `POST /api/music` by their names there, and sound files likewise."""

    fields: Mapping[str, Any]
    uploads: Mapping[str, Upload] = field(default_factory=dict)


@dataclass(frozen=True)
class Waiting:
    """The service is busy; the request is sent again in `retry_in_s` seconds. `reason` is the service's sentence."""

    reason: str
    retry_in_s: float


@dataclass(frozen=True)
class Queued:
    """The service has taken the request and has other work first. `position` counts from 1."""

    position: int
    wait_s: float | None


@dataclass(frozen=True)
class Started:
    """The service works for this request."""

    model: str
    seed: int


@dataclass(frozen=True)
class Loading:
    """The service downloads a model. `bytes_total` 0: not known yet."""

    model: str
    bytes_done: int
    bytes_total: int


@dataclass(frozen=True)
class Progress:
    """`percent` of the job is done, 0 to 100; `remaining_s` is None until the pace is known."""

    percent: float
    phase: str
    remaining_s: float | None


@dataclass(frozen=True)
class Sound:
    """A part of the piece that is being made (`live`): 16 bit little endian, channels interleaved."""

    from_s: float
    pcm: bytes = field(repr=False)
    sample_rate: int
    channels: int


News = Waiting | Queued | Started | Loading | Progress | Sound


@dataclass(frozen=True)
class Take:
    """One finished piece."""

    seed: int
    file: bytes = field(repr=False)
    recipe: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Music:
    """What a request gave."""

    takes: tuple[Take, ...]
    model: str
    duration: int
    """Seconds."""
    sample_rate: int
    channels: int


@dataclass(frozen=True)
class Model:
    """A model that a request may name."""

    id: str
    title: str
    description: str
    default: bool
    loaded: bool
    melody: bool | None
    """Whether it can follow a tune; None: not known yet."""
    details: Mapping[str, Any] = field(repr=False)
    """All that the service says of it."""
