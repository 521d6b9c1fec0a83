"""What is asked of the synthesizer, what it gives back, and how it speaks meanwhile. Imports no torch."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class MusicRequest:
    """One piece of music. The defaults are those of the documents (and of AudioCraft 1.3.0, models/musicgen.py)."""

    model: str
    description: str
    seed: int
    duration: int = 30  # seconds
    mbd: bool = False
    top_k: int = 250
    top_p: float = 0.0
    temperature: float = 1.0
    cfg_coef: float = 3.0


@dataclass(frozen=True)
class Music:
    """A finished piece: a complete WAV file in memory."""

    wav: bytes
    sample_rate: int  # Hz
    channels: int


@dataclass(frozen=True)
class Decoding:
    """How a loaded model is decoded."""

    engine: str  # engine or audiocraft
    precision: str  # fp32, bf16, fp16 or int8


class Phase(enum.StrEnum):
    """What a job is doing."""

    LOADING = "loading"
    GENERATING = "generating"
    DIFFUSING = "diffusing"
    DECODING = "decoding"


class Monitor(Protocol):
    """Whom the synthesizer tells how far it is, and who may stop it."""

    def check(self) -> None:
        """Raise `errors.Cancelled` if the job must stop. Cheap: called at every step."""

    def progress(self, percent: float, phase: Phase) -> None:
        """`percent` (0 to 100) of the job is done."""

    def download(self, model: str, bytes_done: int, bytes_total: int) -> None:
        """Files of `model` are on their way from the hub. `bytes_total` 0: not known yet."""
