"""A recording becomes a tune that a melody model follows: without drums and bass, which would hide it, in one channel.

After `ChromaStemConditioner._get_stemmed_wav` of AudioCraft 1.3.0. Differences: the tune is separated once, not for
each window again; the random shift of Demucs' input is the same each time, so that a seed repeats the music; every
part of the network may stop the job.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from demucs.apply import apply_model
from torch import Tensor

from musicgen_api.audio.read import converted
from musicgen_api.domain.errors import InvalidFields
from musicgen_api.domain.request import Monitor, Recording
from musicgen_api.generation.conditions import MELODY
from musicgen_api.generation.interruptible import interruptible
from musicgen_api.models.loaded_model import LoadedModel
from musicgen_api.models.melody import build_separator, fetch_separator

STEMS = ("vocals", "other")
"""What is left of the music; drums and bass are not."""

_SHIFT_SEED = 0


class Melodies:
    """Makes tunes of recordings, with Demucs once it is loaded. For one thread.

    Args:
        separation: `demucs`, or `none` for melodies that stand alone.
    """

    def __init__(self, separation: str, device: torch.device) -> None:
        self._separation = separation
        self._device = device
        self._separator: Any = None

    def prepare(self, model: LoadedModel, monitor: Monitor) -> None:
        """Load what is missing.

        Raises:
            InvalidFields: `model` follows no melody.
            MelodyUnavailable: Demucs cannot be had or used.
            HubBusy, Cancelled: as for a model's files.
        """
        if not follows(model):
            other = "facebook/musicgen-melody is one that does"
            raise InvalidFields({"melody": [f"{model.name} cannot follow a melody; {other}."]})
        if self._separation == "demucs" and self._separator is None:
            self._separator = build_separator(fetch_separator(monitor), self._device)

    def tune(self, model: LoadedModel, melody: Recording, duration_s: float, check: Callable[[], None]) -> Tensor:
        """[1, samples] at the model's rate, of as much as a piece of `duration_s` can follow. `check` may raise."""
        # The last window begins before the end of the piece and looks on for its whole length.
        needed_s = model.window_s + (duration_s if duration_s > model.window_s else 0)
        samples = melody.samples[:, : round(needed_s * melody.sample_rate)]
        melody = Recording(samples, melody.sample_rate)
        if self._separation == "demucs":
            melody = self._without_drums_and_bass(melody, check)
        return torch.from_numpy(converted(melody, model.sample_rate, 1).samples)

    def release(self) -> None:
        """Forget Demucs; `prepare` loads it again."""
        self._separator = None

    @torch.no_grad()
    def _without_drums_and_bass(self, melody: Recording, check: Callable[[], None]) -> Recording:
        separator = self._separator
        assert separator is not None, "prepare comes first"
        rate = int(separator.samplerate)
        mix = torch.from_numpy(converted(melody, rate, int(separator.audio_channels)).samples)[None]
        with interruptible(separator, check), _same_shift():
            stems = apply_model(separator, mix.to(self._device), device=self._device)
        kept = [separator.sources.index(name) for name in STEMS]
        return Recording(stems[0, kept].sum(dim=0).cpu().numpy(), rate)


def follows(model: LoadedModel) -> bool:
    """Whether `model` can follow a melody."""
    return MELODY in model.lm.condition_provider.conditioners


@contextmanager
def _same_shift() -> Iterator[None]:
    """Demucs draws from Python's own generator, which others use as well."""
    state = random.getstate()
    random.seed(_SHIFT_SEED)
    try:
        yield
    finally:
        random.setstate(state)
