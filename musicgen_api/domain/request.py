"""What the synthesizer gets, what it returns, and what it reports while it works. Does not import torch."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from musicgen_api.domain.recipe import Codes

PRECISIONS = ("fp32", "bf16", "fp16", "int8")
"""The precisions of the arithmetic; with int8 only the weights have it."""


MAX_SEED = 2**53 - 1
"""Largest integer that every JSON reader keeps exactly (RFC 8259, section 6)."""


@dataclass(frozen=True)
class Section:
    """A part of a piece, with a description of its own."""

    description: str
    duration: float  # seconds
    description_used: str | None = None  # what the model is to read instead, as an earlier recipe says


@dataclass(frozen=True, eq=False)
class Recording:
    """Somebody's sound."""

    samples: npt.NDArray[np.float32]
    """[C, T], C is 1 or 2; finite, within -1 and 1."""
    sample_rate: int
    """In Hz."""

    @property
    def duration_s(self) -> float:
        """In seconds."""
        return int(self.samples.shape[1]) / self.sample_rate


@dataclass(frozen=True, eq=False)
class Continuation:
    """What a piece begins with: the part of an upload that is kept."""

    duration_s: float
    """How much is kept."""
    sound: Recording
    codes: Codes | None = None
    """Of the same part, if the file says them. A model with another codec takes the sound."""


@dataclass(frozen=True, kw_only=True)
class MusicRequest:
    """One piece of music. The defaults are those of the documents (and of AudioCraft 1.3.0, models/musicgen.py).

    They stand here alone: schemas, descriptions and the page take them from this class.
    """

    model: str
    description: str
    seed: int
    duration: float = 30  # seconds
    mbd: bool = False
    top_k: int = 250
    top_p: float = 0.0
    temperature: float = 1.0
    cfg_coef: float = 3.0
    takes: int = 1
    sections: tuple[Section, ...] = ()  # instead of the description; `duration` is their sum
    live: bool = False
    continuation: Continuation | None = None  # shorter than `duration`, which includes it
    melody: Recording | None = None  # the tune to follow
    loop: bool = False  # the end runs into the beginning
    format: str | None = None  # of the file, by its name in `audio.formats`; None: WAV at 32 kHz
    loudness: float | None = None  # LUFS; None: as the model made it
    fade_in: float = 0.0  # seconds
    fade_out: float = 0.0
    recipe: bool = True  # say in the file how it was made
    description_used: str | None = None  # what the model is to read instead, as an earlier recipe says

    @property
    def parts(self) -> tuple[Section, ...]:
        """The piece as sections: one section if it has one description."""
        return self.sections or (Section(self.description, self.duration, self.description_used),)

    def read_as(self, reading: Reading) -> MusicRequest:
        """This request with what the model reads in place of its descriptions."""
        if not reading.descriptions:
            return self
        texts = zip(self.parts, reading.descriptions, strict=True)
        sections = tuple(Section(text, part.duration) for part, text in texts)
        return replace(self, description=sections[0].description, sections=self.sections and sections)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each take; after the largest seed comes 0."""
        return tuple((self.seed + take) % (MAX_SEED + 1) for take in range(self.takes))


@dataclass(frozen=True)
class Reading:
    """What the model reads of a request."""

    descriptions: tuple[str, ...] = ()
    """One for each part. Empty: the request's own."""
    warning: str | None = None
    """Why a description could not be translated, in a sentence."""


AS_ASKED = Reading()


@dataclass(frozen=True, eq=False)
class Take:
    """One of the pieces that a request asks for."""

    seed: int
    waveform: npt.NDArray[np.float32]
    """[C, T], finite, nominally within -1 and 1."""
    codes: Codes | None = None
    """The codes that the waveform was decoded from. None: they are not kept."""
    reading: Reading = AS_ASKED


@dataclass(frozen=True, eq=False)
class Music:
    """The music that a request asked for, not yet as files: the request's thread encodes it."""

    takes: tuple[Take, ...]
    """At least one; all are equally long."""
    sample_rate: int
    """In Hz."""

    @property
    def channels(self) -> int:
        """1 mono, 2 stereo."""
        return len(self.takes[0].waveform)


@dataclass(frozen=True)
class Backend:
    """What generates with a loaded model."""

    engine: str  # engine or audiocraft
    precision: str  # one of PRECISIONS
    form: str | None = None  # of the engine's compiled step; None where there is none


@dataclass(frozen=True, eq=False)
class Sound:
    """A part of a piece that is still being made; the parts follow each other without gaps."""

    start_s: float
    samples: npt.NDArray[np.int16]
    """[C, n]"""
    sample_rate: int
    """In Hz."""


class Phase(enum.StrEnum):
    """What a job is doing."""

    LOADING = "loading"
    GENERATING = "generating"
    DIFFUSING = "diffusing"
    DECODING = "decoding"


class Monitor(Protocol):
    """Receives the synthesizer's progress, and may stop it."""

    def check(self) -> None:
        """Raise `errors.Cancelled` if the job must stop. Cheap: called at every step."""

    def progress(self, percent: float, phase: Phase) -> None:
        """`percent` (0 to 100) of the job is done."""

    def read(self, reading: Reading) -> None:
        """The model reads something else than the request says, or there is a warning about it."""

    def sound(self, sound: Sound) -> None:
        """The next piece of music is ready. Raises an error if too many earlier ones are still unread."""

    def download(self, model: str, bytes_done: int, bytes_total: int) -> None:
        """Files of `model` are being downloaded from the hub. `bytes_total` 0: not known yet."""
