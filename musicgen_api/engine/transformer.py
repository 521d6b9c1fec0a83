"""The transformer as pure functions: the first pass over a prompt, then one step at a time.

Rows are kept flat, [R * T, C], so that one code serves both. The arithmetic is AudioCraft 1.3.0's
(`audiocraft/modules/transformer.py`, pre-norm layers) with these differences, none of which changes a
result beyond rounding: the condition's keys and values are computed once, keys and values go into a fixed
cache instead of a growing copy, a step reads only what is filled, queries are scaled beforehand, and only
the last step's logits are computed.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from musicgen_api.engine.architecture import Architecture
from musicgen_api.engine.state import Check, State, unchecked
from musicgen_api.engine.weights import CrossWeights, LayerWeights, ModelWeights


@dataclass(frozen=True)
class Tables:
    """Constants that depend on the position."""

    capacity: int
    """Positions that the tables have rows for."""
    sine: Tensor | None
    """[capacity, C] in the residual stream's dtype."""
    rotation: Tensor | None
    """[capacity, D / 2], complex64."""
    code_offsets: Tensor
    """[K]: where each codebook's table starts in the stacked embeddings."""


def make_tables(architecture: Architecture, weights: ModelWeights, capacity: int) -> Tables:
    """Compute the tables for positions below `capacity`, in fp32 as AudioCraft does in an fp32 model."""
    device = weights.device
    positions = torch.arange(capacity, device=device, dtype=torch.float32)
    sine = rotation = None
    if architecture.uses_sine:
        sine = _sine_table(positions, architecture).to(weights.residual_dtype)
    if architecture.uses_rotary:
        assert weights.rotary_frequencies is not None, "rotary positions need frequencies"
        angles = torch.outer(positions, weights.rotary_frequencies)
        turns = torch.polar(torch.ones_like(angles), angles)
        rotation = turns * architecture.position_scale + (1.0 - architecture.position_scale)
    offsets = torch.arange(architecture.codebooks, device=device) * (architecture.card + 1)
    return Tables(capacity, sine, rotation, offsets)


def _sine_table(positions: Tensor, architecture: Architecture) -> Tensor:
    half = architecture.width // 2
    exponents = torch.arange(half, device=positions.device, dtype=torch.float32) / (half - 1)
    periods = torch.full([], architecture.max_period, device=positions.device) ** exponents
    phase = positions.unsqueeze(1) / periods
    return architecture.position_scale * torch.cat([phase.cos(), phase.sin()], dim=-1)


def embed(weights: ModelWeights, tables: Tables, steps: Tensor) -> Tensor:
    """Sum the K codebooks' embeddings of steps [B, K, T] to [B, T, C] in the residual stream's dtype."""
    indices = (steps + tables.code_offsets.view(1, -1, 1)).transpose(1, 2)
    return F.embedding(indices, weights.embeddings).to(weights.residual_dtype).sum(dim=2)


def first_layer_input(
    weights: ModelWeights, tables: Tables, codes: Tensor, rows: int, position: int | Tensor
) -> Tensor:
    """What a step of codes [B, K] enters the first layer as, for R rows: [R, C]."""
    x = embed(weights, tables, codes.unsqueeze(-1)).squeeze(1)
    x = x.repeat(rows // x.shape[0], 1)
    return x if tables.sine is None else x + _row(tables.sine, position)


def prefill(
    architecture: Architecture,
    weights: ModelWeights,
    tables: Tables,
    state: State,
    steps: Tensor,
    prefix: Tensor | None,
    check: Check = unchecked,
) -> Tensor:
    """Run the empty `state` over its first steps [B, K, T] at once, prepended condition [R, P, C] included.

    Fills the cache; returns the last step's logits [R, K, card] in fp32. Many steps take long, so there is a `check`
    before each layer.
    """
    assert state.filled == 0, "prefill starts from an empty cache"
    x = embed(weights, tables, steps)
    x = x.repeat(state.rows // x.shape[0], 1, 1)
    if prefix is not None:
        x = torch.cat([prefix.to(x.dtype), x], dim=1)
    length = x.shape[1]
    assert length <= state.capacity, f"{length} steps into a cache of {state.capacity}"
    if tables.sine is not None:
        x = x + tables.sine[:length]
    x = x.reshape(state.rows * length, architecture.width)
    for index, layer in enumerate(weights.layers):
        check()
        x = _layer(architecture, layer, state, index, x, _FirstSteps(architecture, tables, length))
    state.filled = length
    if architecture.past_context is not None:
        # AudioCraft forgets to count what a first pass longer than the context cuts off: later steps are
        # rotated as if it had never been there. The shipped weights were made with it, so the positions are
        # kept the same.
        state.position_shift = max(0, length - architecture.past_context)
    last = x.view(state.rows, length, -1)[:, -1]
    return _logits(architecture, weights, last)


def run_step(
    architecture: Architecture,
    weights: ModelWeights,
    tables: Tables,
    state: State,
    codes: Tensor,
    attention: "StepAttention",
) -> Tensor:
    """Run one step of codes [B, K] at the position that `attention` gives; returns logits [R, K, card] in fp32.

    Writes the step's keys and values into the cache and does not touch `state.filled`: running it again
    changes nothing.
    """
    x = first_layer_input(weights, tables, codes, state.rows, attention.position)
    for index, layer in enumerate(weights.layers):
        x = _layer(architecture, layer, state, index, x, attention)
    return _logits(architecture, weights, x)


def _logits(architecture: Architecture, weights: ModelWeights, x: Tensor) -> Tensor:
    hidden = weights.norm_out(x).to(weights.compute_dtype)
    return weights.heads(hidden).float().view(-1, architecture.codebooks, architecture.card)


def _layer(
    architecture: Architecture,
    layer: LayerWeights,
    state: State,
    index: int,
    x: Tensor,
    attention: "_FirstSteps | StepAttention",
) -> Tensor:
    """One pre-norm layer on x [R * T, C]; adds to x in place."""
    dtype = state.keys[index].dtype
    qkv = layer.qkv(layer.norm_self(x).to(dtype))
    x += layer.out(attention.attend(qkv, state, index))
    if layer.cross is not None and state.condition.caches:
        _add_cross_attention(architecture, layer.cross, state, index, x)
    hidden = F.gelu(layer.up(layer.norm_feed(x).to(dtype)))
    x += layer.down(hidden)
    return x


def _add_cross_attention(
    architecture: Architecture, weights: CrossWeights, state: State, index: int, x: Tensor
) -> None:
    """Attend from the leading rows of x to the condition, and add the result to them in place."""
    heads, width = architecture.heads, architecture.head_width
    cache = state.condition.caches[index]
    rows = cache.keys.shape[0] // heads
    head = x[: x.shape[0] // state.rows * rows]
    query = weights.query(weights.norm(head).to(cache.keys.dtype))
    query = query.view(rows, -1, heads, width).transpose(1, 2).reshape(rows * heads, -1, width)
    scores = torch.bmm(query, cache.keys.transpose(1, 2))
    if state.condition.bias is not None:
        scores = scores + state.condition.bias
    mixed = torch.bmm(torch.softmax(scores, dim=-1), cache.values)
    mixed = mixed.view(rows, heads, -1, width).transpose(1, 2).reshape(-1, architecture.width)
    head += weights.out(mixed)


def _rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Turn neighbouring pairs of x [..., D] by complex rotations that broadcast to [..., D / 2]."""
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * rotation).flatten(-2).to(x.dtype)


@dataclass(frozen=True)
class _FirstSteps:
    """Causal self-attention of the first T steps among themselves."""

    architecture: Architecture
    tables: Tables
    length: int

    def attend(self, qkv: Tensor, state: State, index: int) -> Tensor:
        """From projections [R * T, 3C] to mixed values [R * T, C]; writes the cache."""
        a, length = self.architecture, self.length
        split = qkv.view(state.rows, length, 3, a.heads, a.head_width)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        if self.tables.rotation is not None:
            query, key = (_rotate(x.contiguous(), self.tables.rotation[:length]) for x in (query, key))
        for cache, new in ((state.keys, key), (state.values, value)):
            cache[index].view(state.rows, a.heads, -1, a.head_width)[:, :, :length] = new
        mixed = F.scaled_dot_product_attention(
            query, key, value, attn_mask=self._mask(qkv), is_causal=not self._limited, scale=1.0
        )
        return mixed.transpose(1, 2).reshape(state.rows * length, a.width)

    @property
    def _limited(self) -> bool:
        past = self.architecture.past_context
        return past is not None and past < self.length - 1

    def _mask(self, like: Tensor) -> Tensor | None:
        past = self.architecture.past_context
        if past is None or not self._limited:
            return None
        steps = torch.arange(self.length, device=like.device)
        distance = steps.unsqueeze(1) - steps
        return (distance >= 0) & (distance <= past)


@dataclass(frozen=True)
class StepAttention:
    """Self-attention of one step to the first `stop` slots of the cache, its own among them.

    `position` is an integer, or a tensor [1] on the device where the step must not depend on the host (a
    captured graph); `bias` [1, stop] is 0 for the slots to attend to and -inf for the others.
    """

    architecture: Architecture
    tables: Tables
    position: int | Tensor
    rotary_position: int | Tensor
    stop: int
    bias: Tensor

    def attend(self, qkv: Tensor, state: State, index: int) -> Tensor:
        """From projections [R, 3C] to mixed values [R, C]; writes the cache."""
        a = self.architecture
        split = qkv.view(state.rows, 3, a.heads, a.head_width)
        if self.tables.rotation is not None:
            rotation = _row(self.tables.rotation, self.rotary_position)
            split = torch.cat([_rotate(split[:, :2], rotation), split[:, 2:]], dim=1)
        query = split[:, 0].reshape(state.rows * a.heads, 1, -1)
        _write(state.keys[index], split[:, 1], self.position)
        _write(state.values[index], split[:, 2], self.position)
        keys, values = state.keys[index][:, : self.stop], state.values[index][:, : self.stop]
        scores = torch.bmm(query, keys.transpose(1, 2)).add_(self.bias)
        return torch.bmm(torch.softmax(scores, dim=-1), values).view(state.rows, a.width)


def _row(table: Tensor, position: int | Tensor) -> Tensor:
    if isinstance(position, int):
        return table[position : position + 1]
    return table.index_select(0, position)


def _write(cache: Tensor, new: Tensor, position: int | Tensor) -> None:
    """Put [R, H, D] at a position of [R * H, capacity, D]."""
    slots = cache.view(*new.shape[:2], *cache.shape[1:])
    if isinstance(position, int):
        slots[:, :, position] = new
    else:
        slots.index_copy_(2, position, new.unsqueeze(2))


def hidden_slots(architecture: Architecture, stop: int, position: int | Tensor, device: torch.device) -> Tensor:
    """Which of the first `stop` slots a step at `position` must not attend to, [1, stop]."""
    slots = torch.arange(stop, device=device)
    hidden = slots > position
    if architecture.past_context is not None:
        hidden = hidden | (slots < position - architecture.past_context)
    return hidden.unsqueeze(0)


def attention_bias(hidden: Tensor, dtype: torch.dtype) -> Tensor:
    """0 where a slot is visible and -inf where it is hidden."""
    return torch.zeros(hidden.shape, dtype=dtype, device=hidden.device).masked_fill(hidden, float("-inf"))
