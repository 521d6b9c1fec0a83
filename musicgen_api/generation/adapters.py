"""What generates a window: the engine, or AudioCraft's own `lm.generate`. The loop over windows uses all alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from audiocraft.modules.transformer import set_efficient_attention_backend
from torch import Tensor

from musicgen_api.engine import Conditions, Engine, Sampling
from musicgen_api.generation.conditions import attributes_of, conditions_of, repeat, text_encoder_of
from musicgen_api.generation.interruptible import interruptible
from musicgen_api.generation.plan import Plan
from musicgen_api.generation.seeds import as_default
from musicgen_api.generation.windows import Window
from musicgen_api.models.loaded_model import LoadedModel
from musicgen_api.models.magnet import frames_to_ask_for

_MAGNET_STEPS = 20
"""Steps for the first codebook; the others need half as many (AudioCraft 1.3.0: models/magnet.py)."""
_MAGNET_LAST_GUIDANCE = 1.0

OnStep = Callable[[float], None]
"""Told how many steps are done: 1 for all songs, a part of it where songs come one after the other, 0 while something
long has only begun. What it raises ends the generation."""


class Adapter(Protocol):
    """Generates the windows of one plan."""

    def window(self, window: Window, known: Tensor, on_step: OnStep) -> Iterator[Tensor]:
        """Continue the known codes [B, K, window.known]: the new frames [B, K, n] in order."""


@dataclass
class EngineAdapter:
    """The engine. Songs share each step, as many at a time as it can keep apart."""

    plan: Plan
    model: LoadedModel
    engine: Engine
    sampling: Sampling
    guidance: float
    generators: Sequence[torch.Generator]

    def __post_init__(self) -> None:
        """The conditions of no section are known yet."""
        self._sections: dict[int, Conditions] = {}

    def window(self, window: Window, known: Tensor, on_step: OnStep) -> Iterator[Tensor]:
        """See `Adapter.window`."""
        conditions = self._conditions(window, on_step)
        together, songs = self.engine.most_songs, len(self.generators)
        groups = [range(first, min(first + together, songs)) for first in range(0, songs, together)]
        parts = [
            self.engine.generate(
                known[group.start : group.stop],
                [repeat(conditions, len(group))],
                frames=window.frames,
                sampling=self.sampling,
                guidance=self.guidance,
                generators=[self.generators[song] for song in group],
                on_step=lambda: on_step(1 / len(groups)),
            )
            for group in groups
        ]
        return (torch.cat(frames) for frames in zip(*parts, strict=True))

    def _conditions(self, window: Window, on_step: OnStep) -> Conditions:
        """The conditions of one song. Text is encoded once a section, a melody for each window."""
        if self.plan.melody is not None:
            return self._condition(window, on_step)
        if window.section not in self._sections:
            self._sections[window.section] = self._condition(window, on_step)
        return self._sections[window.section]

    def _condition(self, window: Window, on_step: OnStep) -> Conditions:
        encoder = text_encoder_of(self.model)
        with torch.no_grad(), self.model.autocast, interruptible(encoder, lambda: on_step(0.0)):
            return conditions_of(self.model.lm, [attributes_of(self.plan, window, self.model)])[0]


@dataclass
class AudioCraftAdapter:
    """AudioCraft's own generation: one song after the other, and a window's frames all at once."""

    plan: Plan
    model: LoadedModel
    sampling: Sampling
    guidance: float
    generators: Sequence[torch.Generator]

    def window(self, window: Window, known: Tensor, on_step: OnStep) -> Iterator[Tensor]:
        """See `Adapter.window`."""
        songs = [self._song(window, known[song : song + 1], song, on_step) for song in range(len(self.generators))]
        yield torch.cat(songs)[..., window.known :]

    def _song(self, window: Window, known: Tensor, song: int, on_step: OnStep) -> Tensor:
        share, how = 1 / len(self.generators), self.sampling
        reading = interruptible(text_encoder_of(self.model), lambda: on_step(0.0))
        with self.model.autocast, as_default(self.generators[song]), reading:
            codes: Tensor = self.model.lm.generate(
                known if window.known else None,
                [attributes_of(self.plan, window, self.model)],
                max_gen_len=window.frames,
                use_sampling=how.use_sampling,
                temp=how.temperature,
                top_k=how.top_k,
                top_p=how.top_p,
                cfg_coef=self.guidance,
                two_step_cfg=False,
                callback=lambda done, total: on_step(share),
            )
        return codes


@dataclass
class MagnetAdapter:
    """AudioCraft's MAGNeT: a whole piece at once, in steps that decide all frames of one codebook after the other.

    `guidance` is that of each codebook's first step; it falls to 1, and the temperature to 0, as AudioCraft has it.
    """

    plan: Plan
    model: LoadedModel
    sampling: Sampling
    guidance: float
    generators: Sequence[torch.Generator]

    def window(self, window: Window, known: Tensor, on_step: OnStep) -> Iterator[Tensor]:
        """See `Adapter.window`. Nothing is known: the piece has one window."""
        assert not window.known, "MAGNeT has no music to go on from"
        with _attention_with_masks():
            songs = [self._song(window, generator, on_step) for generator in self.generators]
        yield torch.cat(songs)[..., : window.frames]

    def _song(self, window: Window, generator: torch.Generator, on_step: OnStep) -> Tensor:
        lm, how = self.model.lm, self.sampling
        steps = [_MAGNET_STEPS, *[_MAGNET_STEPS // 2] * (lm.n_q - 1)]
        share = self.plan.steps / sum(steps) / len(self.generators)
        with ExitStack() as stack:
            stack.enter_context(self.model.autocast)
            stack.enter_context(as_default(generator))
            for network in (text_encoder_of(self.model), lm):
                stack.enter_context(interruptible(network, lambda: on_step(0.0)))
            codes: Tensor = lm.generate(
                None,
                [attributes_of(self.plan, window, self.model)],
                max_gen_len=frames_to_ask_for(lm, window.frames),
                use_sampling=how.use_sampling,
                temp=how.temperature,
                top_k=how.top_k,
                top_p=how.top_p,
                max_cfg_coef=self.guidance,
                min_cfg_coef=_MAGNET_LAST_GUIDANCE,
                decoding_steps=steps,
                callback=lambda done, total: on_step(share),
            )
        return codes


@contextmanager
def _attention_with_masks() -> Iterator[None]:
    """Let AudioCraft's attention take masks, as it does with this backend alone.

    It is one switch for the process, and MusicGen is wrong with it: it is put back whatever happens.
    """
    set_efficient_attention_backend("xformers")  # which is our stand-in
    try:
        yield
    finally:
        set_efficient_attention_backend("torch")


def adapter_for(
    plan: Plan, model: LoadedModel, sampling: Sampling, guidance: float, generators: Sequence[torch.Generator]
) -> Adapter:
    """The engine where the model has one, else AudioCraft."""
    if model.makes_whole_pieces:
        return MagnetAdapter(plan, model, sampling, guidance, generators)
    if model.engine is not None:
        return EngineAdapter(plan, model, model.engine, sampling, guidance, generators)
    return AudioCraftAdapter(plan, model, sampling, guidance, generators)
