"""Runs the steps of a state with torch's operations: over a cache that grows, or over fixed buffers.

Fixed buffers are what a CUDA graph needs. There the cache is read in lengths of whole `BUCKET`s, and what lies beyond
the position is masked. Both give the same logits.
"""

from typing import Protocol

import torch
from torch import Tensor

from musicgen_api.engine.architecture import Architecture
from musicgen_api.engine.cuda.graphs import CapturedBySize
from musicgen_api.engine.state import Check, State, grow, unchecked
from musicgen_api.engine.transformer import (
    StepAttention,
    Tables,
    attention_bias,
    hidden_slots,
    prefill,
    run_step,
)
from musicgen_api.engine.weights import ModelWeights

BLOCK = 64
"""Steps by which the cache of an `EagerRunner` grows: half of them are read in vain on average."""

BUCKET = 256
"""Steps by which a captured step's reading length grows: at most this many slots are read in vain."""


class Runner(Protocol):
    """Runs the next step of a state."""

    state: State

    def prefill(self, steps: Tensor, prefix: Tensor | None, check: Check = unchecked) -> Tensor:
        """Run the empty state over its first steps [B, K, T], a prepended condition [R, P, C] before them; see
        `transformer.prefill`."""

    def step(self, codes: Tensor) -> Tensor:
        """Codes [B, K] to logits [R, K, card] in fp32; the state is one step longer afterwards."""


class EagerRunner:
    """Runs a step operation by operation over a cache that grows in blocks, each read as a whole."""

    def __init__(self, architecture: Architecture, weights: ModelWeights, tables: Tables, state: State) -> None:
        self._architecture, self._weights, self._tables, self.state = architecture, weights, tables, state
        self._bias: Tensor | None = None

    def prefill(self, steps: Tensor, prefix: Tensor | None, check: Check = unchecked) -> Tensor:
        """See `Runner.prefill`."""
        return prefill(self._architecture, self._weights, self._tables, self.state, steps, prefix, check)

    def step(self, codes: Tensor) -> Tensor:
        """See `Runner.step`."""
        a, state = self._architecture, self.state
        position = state.filled
        bias = self._next_bias(position)
        rotary_position = position - state.position_shift
        attention = StepAttention(a, self._tables, position, rotary_position, state.capacity, bias)
        logits = run_step(a, self._weights, self._tables, state, codes, attention)
        state.filled += 1
        return logits

    def _next_bias(self, position: int) -> Tensor:
        """Make room if there is none, and let the step see itself and its past context."""
        state, past = self.state, self._architecture.past_context
        if position == state.capacity:
            grow(state, BLOCK)
            self._bias = None
        if self._bias is None:
            hidden = hidden_slots(self._architecture, state.capacity, position, self._weights.device)
            self._bias = attention_bias(hidden, self._weights.compute_dtype)
        self._bias[:, position] = 0.0
        if past is not None and position > past:
            self._bias[:, position - past - 1] = float("-inf")
        return self._bias


class BucketRunner:
    """Runs a step from fixed buffers over a padded cache: on a GPU captured once a length and replayed.

    With `capture=False`, or on a CPU, the same step runs directly: this is how all but the capture is tested.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: ModelWeights,
        tables: Tables,
        state: State,
        batch: int,
        *,
        capture: bool,
    ) -> None:
        self._architecture, self._weights, self._tables, self.state = architecture, weights, tables, state
        self._codes = torch.zeros(batch, architecture.codebooks, dtype=torch.long, device=weights.device)
        self._position = torch.zeros(1, dtype=torch.long, device=weights.device)
        self._rotary_position = torch.zeros(1, dtype=torch.long, device=weights.device)
        self._run = CapturedBySize(self._compute) if capture else self._compute

    def prefill(self, steps: Tensor, prefix: Tensor | None, check: Check = unchecked) -> Tensor:
        """See `Runner.prefill`."""
        return prefill(self._architecture, self._weights, self._tables, self.state, steps, prefix, check)

    def step(self, codes: Tensor) -> Tensor:
        """See `Runner.step`; the result is overwritten by the next step."""
        state = self.state
        self._codes.copy_(codes)
        self._position.fill_(state.filled)
        self._rotary_position.fill_(state.filled - state.position_shift)
        stop = min(-(-(state.filled + 1) // BUCKET) * BUCKET, state.capacity)
        logits = self._run(stop)
        state.filled += 1
        return logits

    def why_not(self, batch: int, rows: int, capacity: int, condition_shape: tuple[int, ...]) -> str | None:
        """Which shape of a job differs from these buffers' and keeps it from them; None: they serve it as they are."""
        if capacity > self.state.capacity:
            return f"steps: {capacity}, room for {self.state.capacity}"
        shapes = {
            "songs": (batch, self._codes.shape[0]),
            "rows": (rows, self.state.rows),
            "condition": (condition_shape, self.state.condition.shape),
        }
        return next((f"{name}: {new}, was {old}" for name, (new, old) in shapes.items() if new != old), None)

    def _compute(self, stop: int) -> Tensor:
        """The step at the buffers' position, over the first `stop` slots of the cache."""
        a, tables, state = self._architecture, self._tables, self.state
        hidden = hidden_slots(a, stop, self._position, self._weights.device)
        bias = attention_bias(hidden, self._weights.compute_dtype)
        attention = StepAttention(a, tables, self._position, self._rotary_position, stop, bias)
        return run_step(a, self._weights, tables, state, self._codes, attention)
