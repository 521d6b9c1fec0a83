"""The plan of a generation: which music, how long, for which seeds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from musicgen_api.domain.request import Section
from musicgen_api.generation.windows import Window, plan_windows
from musicgen_api.models.loaded_model import LoadedModel


@dataclass(frozen=True)
class Plan:
    """One piece, or several takes of it: songs that differ in their seed alone."""

    descriptions: tuple[str, ...]
    """One for each section."""
    windows: tuple[Window, ...]
    seeds: tuple[int, ...]
    """One for each song."""
    known: Tensor | None
    """Codes [K, T] that every song begins with."""
    melody: Tensor | None
    """A tune to follow, [C, samples] at the model's own sample rate and channels."""
    delay: int
    """Steps that each window needs in addition to its frames."""

    @property
    def steps(self) -> int:
        """The number of steps that all windows need together."""
        return sum(window.new + self.delay for window in self.windows)

    @property
    def frames(self) -> int:
        """The length of the piece, known frames included."""
        last = self.windows[-1]
        return last.start + last.frames


def make_plan(
    model: LoadedModel,
    sections: Sequence[Section],
    seeds: Sequence[int],
    *,
    more_s: float = 0.0,
    known: Tensor | None = None,
    melody: Tensor | None = None,
) -> Plan:
    """Cut the piece into windows of `model`. It lasts as long as its sections, and `more_s` seconds.

    Raises:
        ValueError: `known` leaves nothing to generate.
    """
    windows = plan_windows(
        _frames_of(sections, model.frame_rate, more_s),
        known=0 if known is None else known.shape[-1],
        longest=int(model.window_s * model.frame_rate),
        stride=int(model.stride_s * model.frame_rate),
    )
    descriptions = tuple(section.description for section in sections)
    return Plan(descriptions, tuple(windows), tuple(seeds), known, melody, model.delay)


def _frames_of(sections: Sequence[Section], frame_rate: float, more_s: float) -> list[int]:
    """Frames of each section: as many as its seconds take, cut so that rounding errors do not add up; the last one has
    `more_s` seconds more.
    """
    ends = [0.0, *itertools.accumulate(section.duration for section in sections)]
    ends[-1] += more_s
    frames = [math.ceil(round(end * frame_rate, 6)) for end in ends]  # 0.1 + 0.2 is a little more than 0.3
    return [end - begin for begin, end in itertools.pairwise(frames)]
