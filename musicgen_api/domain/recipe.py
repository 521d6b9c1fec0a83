"""How a piece was made, and the codes that it consists of: enough to make it again or to continue it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt


def whole_frames(seconds: float, frame_rate: float) -> int:
    """How many frames fit; a float that comes out a little too small counts as what was meant."""
    return int(seconds * frame_rate + 1e-6)


@dataclass(frozen=True, eq=False)
class Codes:
    """What the language model wrote and the codec reads: ids below `cardinality`, in K codebooks and T frames."""

    ids: npt.NDArray[np.uint16]
    """[K, T]"""
    cardinality: int
    """Entries of each codebook: 2048 for MusicGen."""
    frame_rate: float
    """Frames per second: 50 for MusicGen."""
    codec: str
    """Names the codec; the codes of another one sound like noise."""

    def __post_init__(self) -> None:
        """Raise `ValueError` if the parts do not fit each other."""
        if self.ids.ndim != 2 or self.ids.dtype != np.uint16:
            raise ValueError(f"expected uint16 [K, T], got {self.ids.dtype} {list(self.ids.shape)}")
        if not 2 <= self.cardinality <= 2**16:
            raise ValueError(f"a codebook has 2 to 65536 entries, not {self.cardinality}")
        if self.ids.size and int(self.ids.max()) >= self.cardinality:
            raise ValueError(f"the codes go up to {self.ids.max()}; the codebooks have {self.cardinality} entries")

    @property
    def duration_s(self) -> float:
        """How long they sound, in seconds."""
        return int(self.ids.shape[1]) / self.frame_rate


@dataclass(frozen=True, eq=False)
class Recipe:
    """How a piece was made."""

    request: Mapping[str, Any] = field(default_factory=dict)
    """The fields of `POST /api/music`, as in JSON, that ask for this piece again: model, seed, description, ..."""
    version: str = ""
    """The version of MusicGen API."""
    codes: Codes | None = None
    """None if they were not kept, or not yet known when the file began."""

    @property
    def prompts(self) -> tuple[str, ...]:
        """The descriptions: one, or one of each section."""
        sections = self.request.get("sections")
        parts = sections if isinstance(sections, list) else [self.request]
        texts = (part.get("description", part.get("prompt")) for part in parts if isinstance(part, Mapping))
        return tuple(text for text in texts if isinstance(text, str))
