"""Music from a loaded model, for tests of what comes before it."""

from __future__ import annotations

import torch
from torch import Tensor

from musicgen_api.domain.request import Section
from musicgen_api.engine import Sampling
from musicgen_api.generation.frames import generate
from musicgen_api.generation.plan import make_plan
from musicgen_api.models.loaded_model import LoadedModel

TEXT = "slow sad piano"


def codes_of(model: LoadedModel, seconds: float, *, seed: int = 1, top_k: int = 50) -> Tensor:
    """The codes [1, K, T] of a piece."""
    plan = make_plan(model, [Section(TEXT, seconds)], [seed])
    return torch.cat(list(generate(plan, model, Sampling(top_k=top_k), guidance=3.0)), dim=-1)


@torch.no_grad()
def audio_of(model: LoadedModel, seconds: float, *, seed: int = 1, top_k: int = 50) -> Tensor:
    """The waveform [1, C, samples] of a piece."""
    return model.compression_model.decode(codes_of(model, seconds, seed=seed, top_k=top_k))
