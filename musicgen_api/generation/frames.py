"""The loop over the windows of a piece: an iterator of frames.

Everything that follows music while it is made reads this one loop, or is an input of it: progress, cancelling, sound
while it is made, kept parts, takes, descriptions that change.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from musicgen_api.engine import Sampling
from musicgen_api.generation.adapters import OnStep, adapter_for
from musicgen_api.generation.plan import Plan
from musicgen_api.generation.seeds import seeded_generator
from musicgen_api.models.loaded_model import LoadedModel


def generate(
    plan: Plan, model: LoadedModel, sampling: Sampling, *, guidance: float, on_step: OnStep = lambda steps: None
) -> Iterator[Tensor]:
    """The codes [B, K, n] of the songs of `plan`, in order and without gaps; known frames come first.

    `on_step` is called after each step of the model, `plan.steps` in all; what it raises ends the generation, and so
    does closing the iterator. For the same seed a song's codes equal those of `MusicGen.generate` in fp32.
    """
    generators = [seeded_generator(seed, model.device) for seed in plan.seeds]
    adapter = adapter_for(plan, model, sampling, guidance, generators)
    songs = len(plan.seeds)
    codes = torch.zeros(songs, model.lm.n_q, 0, dtype=torch.long, device=model.device)
    if plan.known is not None:
        codes = plan.known.to(model.device).expand(songs, -1, -1)
        yield codes
    for window in plan.windows:
        pieces = [codes[..., codes.shape[-1] - window.known :]]
        for frames in adapter.window(window, pieces[0], on_step):
            pieces.append(frames)
            yield frames
        codes = torch.cat(pieces, dim=-1)  # the next window knows the end of this one
