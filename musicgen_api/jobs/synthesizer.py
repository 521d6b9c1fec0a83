"""What the GPU thread drives, and who listens while it loads a model for nobody in particular."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from musicgen_api.domain.errors import ShuttingDown
from musicgen_api.domain.request import Backend, Monitor, Music, MusicRequest, Phase, Reading, Sound


class Synthesizer(Protocol):
    """What the GPU thread drives. Made and used on that thread; only the properties are read by others."""

    @property
    def backends(self) -> Mapping[str, Backend]:
        """What generates with each model in memory, by its id. Replaced as a whole, never changed."""

    @property
    def default_model_loaded(self) -> bool:
        """The default model is in memory."""

    def preload(self, monitor: Monitor) -> None:
        """Load the default model. Raises `MusicGenError`."""

    def synthesize(self, request: MusicRequest, monitor: Monitor) -> Music:
        """Make one piece of music. Raises `MusicGenError`."""

    def release_idle(self) -> float | None:
        """Free what has been idle for too long; seconds until the next call makes sense, None for never."""


class Preloading:
    """The monitor of a load that nobody asked for: it has no reader, and ends when the process is told to stop."""

    def __init__(self, stopping: Callable[[], bool]) -> None:
        self._stopping = stopping

    def check(self) -> None:
        if self._stopping():
            raise ShuttingDown

    def progress(self, percent: float, phase: Phase) -> None:
        """Nobody reads it."""

    def read(self, reading: Reading) -> None:
        """Loading reads no description."""

    def sound(self, sound: Sound) -> None:
        """Loading makes none."""

    def download(self, model: str, bytes_done: int, bytes_total: int) -> None:
        """Nobody reads it."""
