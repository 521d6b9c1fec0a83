"""All that one job changes while it generates, in one place and written in place.

A captured CUDA graph reads these very buffers, so they are never rebound while it lives.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from musicgen_api.engine.architecture import Architecture
from musicgen_api.engine.weights import CrossWeights, Linear, ModelWeights

Check = Callable[[], None]
"""Called between the parts of a long computation; what it raises ends it."""


def unchecked() -> None:
    """Let a computation run to its end."""


@dataclass(frozen=True)
class Conditions:
    """What the transformer is conditioned on, for R rows (with guidance: B conditional rows, then B null
    rows).

    `cross` may hold fewer rows than R: then the rows after them have no cross-attention, because it would
    add zero.
    """

    rows: int
    prefix: Tensor | None = None
    """[R, P, C], stands before the first step."""
    cross: Tensor | None = None
    """[rows <= R, N, C], attended to by every layer."""

    @property
    def prefix_steps(self) -> int:
        """P, the number of prepended steps."""
        return 0 if self.prefix is None else self.prefix.shape[1]


def drop_null_cross(conditions: Conditions, batch: int, weights: ModelWeights) -> Conditions:
    """Leave cross-attention out for the rows after the first `batch` where it is sure to add exactly zero.

    AudioCraft masks the embeddings of an empty condition to zero; without biases keys and values are then
    zero and so is the output. Both halves of that are looked at here, not assumed.
    """
    cross = conditions.cross
    if cross is None or cross.shape[0] <= batch or bool(cross[batch:].any()):
        return conditions
    if not all(layer.cross is None or layer.cross.maps_zero_to_zero for layer in weights.layers):
        return conditions
    return Conditions(conditions.rows, conditions.prefix, cross[:batch])


@dataclass(frozen=True)
class CrossCache:
    """One layer's keys and values of the condition, computed once for a job."""

    keys: Tensor
    """[rows * H, N, D]"""
    values: Tensor
    """[rows * H, N, D]"""


@dataclass(frozen=True)
class CrossCondition:
    """All layers' keys and values of the condition."""

    caches: tuple[CrossCache, ...]
    """One for each layer; none without cross-attention."""
    bias: Tensor | None
    """[1, N]: 0 where the condition is, -inf where it is padding; None where nothing is padded."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that all layers' keys share; empty without cross-attention."""
        return tuple(self.caches[0].keys.shape) if self.caches else ()

    def part(self, heads: slice) -> "CrossCondition":
        """The condition of some rows' heads, in the same memory; an empty one where they have none."""
        if not self.caches or heads.start >= self.shape[0]:
            return CrossCondition((), None)
        return CrossCondition(tuple(CrossCache(c.keys[heads], c.values[heads]) for c in self.caches), self.bias)


@dataclass
class State:
    """KV cache, condition and position of a batch of R rows."""

    rows: int
    capacity: int
    """Steps the cache has room for at present, prepended ones included."""
    keys: list[Tensor]
    """For each layer [R * H, capacity, D]."""
    values: list[Tensor]
    """For each layer [R * H, capacity, D]."""
    condition: CrossCondition
    filled: int = 0
    """Steps already in the cache."""
    position_shift: int = 0
    """Subtracted from the position of later steps for rotary embedding, see `prefill`."""

    @property
    def nbytes(self) -> int:
        """Bytes of the caches."""
        kept = [*self.keys, *self.values]
        for layer in self.condition.caches:
            kept += [layer.keys, layer.values]
        return sum(tensor.nbytes for tensor in kept)


def new_state(
    architecture: Architecture,
    weights: ModelWeights,
    rows: int,
    capacity: int,
    condition: "CrossCondition",
) -> State:
    """Allocate empty caches of `capacity` steps for R rows."""
    shape = (rows * architecture.heads, capacity, architecture.head_width)
    dtype, device = weights.compute_dtype, weights.device
    # Zeros, not empty: a padded read multiplies what lies behind `filled` by zero, and NaN times zero is NaN.
    keys = [torch.zeros(shape, dtype=dtype, device=device) for _ in weights.layers]
    values = [torch.zeros(shape, dtype=dtype, device=device) for _ in weights.layers]
    return State(rows, capacity, keys, values, condition)


def project_condition(
    architecture: Architecture,
    weights: ModelWeights,
    cross: Tensor | None,
    *,
    pad_to: int = 1,
    check: Check = unchecked,
) -> CrossCondition:
    """Compute all layers' keys and values of a condition [rows, N, C], with a `check` before each layer.

    `pad_to` rounds N up to a multiple, so that a captured graph serves prompts of different lengths.
    """
    if cross is None or cross.shape[0] == 0:
        return CrossCondition((), None)
    rows, length, _ = cross.shape
    padded = length + -length % pad_to
    source = F.pad(cross.to(weights.compute_dtype), (0, 0, 0, padded - length))
    # A song must not depend on its neighbours: in torch's int8 products a row's last bits depend on how many there are.
    parts = torch.split(source, 1 if weights.precision == "int8" else rows)
    caches = []
    for layer in weights.layers:
        check()
        caches.append(_project(layer.cross, parts, architecture))
    if pad_to == 1:
        return CrossCondition(tuple(caches), None)
    bias = torch.zeros(1, padded, dtype=source.dtype, device=source.device)
    bias[:, length:] = float("-inf")
    return CrossCondition(tuple(caches), bias)


def _project(weights: CrossWeights | None, parts: Sequence[Tensor], architecture: Architecture) -> CrossCache:
    """Keys and values [rows * H, N, D] of a condition, in parts [some rows, N, C], for one layer."""
    assert weights is not None, "a condition for cross-attention, but a layer without it"
    heads, width = architecture.heads, architecture.head_width

    def project(linear: Linear) -> Tensor:
        projected = [linear(part.flatten(0, 1)).view(len(part), -1, heads, width) for part in parts]
        return torch.cat(projected).transpose(1, 2).flatten(0, 1).contiguous()

    return CrossCache(project(weights.key), project(weights.value))


def grow(state: State, steps: int) -> None:
    """Make room for `steps` more by moving every layer's cache.

    Reading all of a contiguous cache is faster on a CPU than reading a slice of a larger one, which torch
    copies first.
    """
    for caches in (state.keys, state.values):
        for index, cache in enumerate(caches):
            caches[index] = F.pad(cache, (0, 0, 0, steps))
    state.capacity += steps


def restart(state: State, condition: CrossCondition) -> None:
    """Empty `state` for another job and put that job's condition, of the same shapes, into its buffers."""
    for cache in (*state.keys, *state.values):
        cache.zero_()
    for ours, theirs in zip(state.condition.caches, condition.caches, strict=True):
        ours.keys.copy_(theirs.keys)
        ours.values.copy_(theirs.values)
    if state.condition.bias is not None and condition.bias is not None:
        state.condition.bias.copy_(condition.bias)
    state.filled = 0
    state.position_shift = 0
