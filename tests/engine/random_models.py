"""int8 weights of any shape at random, without AudioCraft, and the same weights as the fp32 numbers they stand for."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from musicgen_api.engine import Architecture, Conditions, CrossWeights, Engine, LayerWeights, ModelWeights, Norm
from musicgen_api.engine.weights import DenseLinear, Int8Linear, quantise_rows

MONO = (0, 1, 2, 3)
STEREO = (0, 0, 1, 1, 2, 2, 3, 3)


def an_architecture(width: int, *, layers: int = 2, card: int = 64, delays: tuple[int, ...] = MONO) -> Architecture:
    """A model of this width with heads of 64."""
    return Architecture(width, width // 64, layers, len(delays), card, delays)


def random_weights(architecture: Architecture, *, cross: bool = True, seed: int = 0) -> ModelWeights:
    """Weights so large that every part of them shows in the logits."""
    a, generator = architecture, torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    def linear(outputs: int, inputs: int, queries: int = 0) -> Int8Linear:
        """The first `queries` outputs are scaled as queries are."""
        weight = normal(outputs, inputs) * 1.4 * inputs**-0.5
        weight[:queries] *= a.head_width**-0.5
        return Int8Linear(*quantise_rows(weight), None)

    def norm() -> Norm:
        return Norm(1 + 0.2 * normal(a.width), 0.2 * normal(a.width))

    def layer() -> LayerWeights:
        query, key, value, out = (linear(a.width, a.width, queries) for queries in (a.width, 0, 0, 0))
        attended = CrossWeights(norm(), query, key, value, out) if cross else None
        qkv, out = linear(3 * a.width, a.width, a.width), linear(a.width, a.width)
        up, down = linear(4 * a.width, a.width), linear(a.width, 4 * a.width)
        return LayerWeights(norm(), qkv, out, attended, norm(), up, down)

    embeddings = (0.4 * normal(a.codebooks * (a.card + 1), a.width)).bfloat16()
    layers = tuple(layer() for _ in range(a.layers))
    return ModelWeights(embeddings, layers, norm(), linear(a.codebooks * a.card, a.width), None, "int8")


def widened(part: Any) -> Any:
    """The same weights with each rounded matrix as the fp32 numbers that it stands for."""
    if isinstance(part, Int8Linear):
        return DenseLinear(part.weight.float() * part.scale.float().unsqueeze(1), None)
    if isinstance(part, tuple):
        return tuple(widened(item) for item in part)
    if not hasattr(part, "__dataclass_fields__"):
        return part
    changed = {field.name: widened(getattr(part, field.name)) for field in fields(part)}
    if isinstance(part, ModelWeights):
        changed |= {"precision": "fp32", "embeddings": part.embeddings.float()}
    return replace(part, **changed)


def some_steps(architecture: Architecture, songs: int, count: int) -> Tensor:
    """Delayed steps [B, K, count] of any codes."""
    generator = torch.Generator().manual_seed(5)
    return torch.randint(architecture.card, (songs, architecture.codebooks, count), generator=generator)


def some_conditions(architecture: Architecture, songs: int, *, cross: bool = True, prefix: int = 0) -> Conditions:
    """With guidance: described songs, each otherwise, then as many null rows."""
    generator = torch.Generator().manual_seed(6)
    prepended = torch.randn(2 * songs, prefix, architecture.width, generator=generator) if prefix else None
    attended = torch.randn(songs, 9, architecture.width, generator=generator) if cross else None
    return Conditions(2 * songs, prepended, attended)


@torch.inference_mode()
def logits_along(decoder: Engine, conditions: Conditions, steps: Tensor, known: int = 1) -> Tensor:
    """Logits [S, R, K, card] along steps [B, K, S], of which the first `known` are run at once."""
    first, (runner,) = decoder.begin(steps, known, [conditions])
    return torch.stack([first, *(runner.step(steps[..., at]).clone() for at in range(known, steps.shape[-1] - 1))])
