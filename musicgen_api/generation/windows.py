"""Where a long piece is cut. Pure arithmetic on frames; knows no tensors.

A model sees one window of music at a time (30 s). A longer piece is made of windows that overlap: each begins with
frames of the one before it, which are known, and adds new ones. Follows `MusicGen.generate` of AudioCraft 1.3.0
(models/musicgen.py, `_generate_tokens`), but counts in frames: there, durations in fractions of a second can crash
the loop past one window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """One window's place in the piece, in frames."""

    start: int
    """The frame of the piece where the window begins."""
    known: int
    """How many frames of it are known beforehand."""
    frames: int
    """How many frames it has in all."""
    section: int = 0
    """Which section's conditions it follows."""

    @property
    def new(self) -> int:
        """How many frames it adds to the piece."""
        return self.frames - self.known


def plan_windows(sections: Sequence[int], *, known: int, longest: int, stride: int) -> list[Window]:
    """Cut a piece into windows.

    Args:
        sections: frames of each section, in order; their sum is the piece. A piece with one description has one.
        known: frames that are there already, at the piece's beginning.
        longest: frames of the longest window that the model takes.
        stride: frames by which a following window begins later; the rest of the one before is known to it.

    Raises:
        ValueError: nothing is left to generate, or the numbers contradict each other.
    """
    if not sections or min(sections) < 1 or not 0 <= known < sum(sections):
        raise ValueError(f"{known} known frames of sections {list(sections)} leave nothing to generate")
    if not 0 < stride < longest:
        raise ValueError(f"a stride of {stride} frames does not fit windows of {longest}")
    return list(_windows(sections, known, longest, stride))


def _windows(sections: Sequence[int], done: int, longest: int, stride: int) -> Iterator[Window]:
    overlap = longest - stride
    end = start = 0
    for section, length in enumerate(sections):
        end += length
        begun = end - length
        if done >= end:
            continue  # known from beginning to end
        if section > 0 and done == begun:
            start = max(0, done - overlap)  # another description: a new window, over the end of the section before
        if done - start >= longest:
            start = done - overlap  # more is known than a window holds
        while done < end:
            frames = min(end - start, longest)
            yield Window(start, done - start, frames, section)
            done = start + frames
            start += stride
