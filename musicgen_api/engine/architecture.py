"""What the engine has to know about a language model besides its weights.

Letters for shapes, in the whole package: B songs, R rows of the transformer's batch (B, or 2B with
guidance), K codebooks, T frames, S delayed steps, C the transformer's width, H heads, D a head's width, P
prepended condition steps, N text steps.
"""

from dataclasses import dataclass
from typing import Literal

Positions = Literal["sin", "rope", "sin_rope"]


@dataclass(frozen=True)
class Architecture:
    """Shape and arithmetic of a decoder-only transformer over K parallel codebooks (pre-norm, GELU)."""

    width: int
    heads: int
    layers: int
    codebooks: int
    card: int
    """Entries of a codebook; the id `card` itself is the special token that stands where no code is."""
    delays: tuple[int, ...]
    """Steps by which each codebook lags, ascending."""
    positions: Positions = "sin"
    max_period: float = 10_000.0
    position_scale: float = 1.0
    past_context: int | None = None
    """How many earlier steps a step may attend to; None means all of them."""

    def __post_init__(self) -> None:
        """Check what the rest of the package takes for granted."""
        assert self.width % self.heads == 0, f"{self.heads} heads do not divide the width {self.width}"
        assert self.width % 2 == 0, "sine positions need an even width"
        assert len(self.delays) == self.codebooks, "one delay for each codebook"
        assert list(self.delays) == sorted(self.delays), "delays must ascend"

    @property
    def head_width(self) -> int:
        """D, the width of one attention head."""
        return self.width // self.heads

    @property
    def uses_sine(self) -> bool:
        """Whether a sine table is added to the input."""
        return self.positions in ("sin", "sin_rope")

    @property
    def uses_rotary(self) -> bool:
        """Whether queries and keys are rotated."""
        return self.positions in ("rope", "sin_rope")
