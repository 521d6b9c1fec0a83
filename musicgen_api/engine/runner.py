"""Where a step runs: directly, or replayed from a CUDA graph. Either gives the same logits.

A graph wants fixed shapes, so the graphed runner reads the cache in lengths of whole `BUCKET`s and masks
the rest. One graph is kept for each length. Nothing inside a step waits for the device.
"""

import logging
from typing import Protocol

import torch
from torch import Tensor

from musicgen_api.engine.architecture import Architecture
from musicgen_api.engine.fused import FusedStep
from musicgen_api.engine.state import State, grow
from musicgen_api.engine.transformer import (
    Tables,
    Window,
    attention_bias,
    decode_step,
    first_layer_input,
    hidden_slots,
)
from musicgen_api.engine.weights import ModelWeights

logger = logging.getLogger(__name__)

BLOCK = 64
"""Steps by which the cache of an `EagerRunner` grows: half of them are read in vain on average."""

BUCKET = 256
"""Steps by which a captured step's reading length grows: at most this many slots are read in vain."""


class Runner(Protocol):
    """Runs the next step of a state."""

    state: State

    def step(self, codes: Tensor) -> Tensor:
        """Codes [B, K] to logits [R, K, card] in fp32; the state is one step longer afterwards."""


class EagerRunner:
    """Runs a step operation by operation over a cache that grows in blocks, each read as a whole."""

    def __init__(self, architecture: Architecture, weights: ModelWeights, tables: Tables, state: State) -> None:
        self._architecture, self._weights, self._tables, self.state = architecture, weights, tables, state
        self._bias: Tensor | None = None

    def step(self, codes: Tensor) -> Tensor:
        """See `Runner.step`."""
        a, state = self._architecture, self.state
        position = state.filled
        bias = self._next_bias(position)
        rotary_position = position - state.position_shift
        window = Window(a, self._tables, position, rotary_position, state.capacity, bias)
        logits = decode_step(a, self._weights, self._tables, state, codes, window)
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


class FusedRunner:
    """Runs a step as one compiled function over a cache with room for the whole job."""

    def __init__(self, weights: ModelWeights, tables: Tables, state: State, step: FusedStep) -> None:
        self._weights, self._tables, self.state, self._step = weights, tables, state, step

    def step(self, codes: Tensor) -> Tensor:
        """See `Runner.step`; the result is overwritten by the next step."""
        logits = self._step(first_layer_input(self._weights, self._tables, codes, self.state.rows, self.state.filled))
        self.state.filled += 1
        return logits.view(self.state.rows, codes.shape[1], -1)


class BucketRunner:
    """Runs a step from fixed buffers over a padded window: on a GPU captured once a length and replayed.

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
        self._capture = capture
        self._codes = torch.zeros(batch, architecture.codebooks, dtype=torch.long, device=weights.device)
        self._position = torch.zeros(1, dtype=torch.long, device=weights.device)
        self._rotary_position = torch.zeros(1, dtype=torch.long, device=weights.device)
        self._graphs: dict[int, tuple[torch.cuda.CUDAGraph, Tensor]] = {}

    def step(self, codes: Tensor) -> Tensor:
        """See `Runner.step`; the result is overwritten by the next step."""
        state = self.state
        self._codes.copy_(codes)
        self._position.fill_(state.filled)
        self._rotary_position.fill_(state.filled - state.position_shift)
        stop = min(-(-(state.filled + 1) // BUCKET) * BUCKET, state.capacity)
        logits = self._replay(stop) if self._capture else self._run(stop)
        state.filled += 1
        return logits

    def fits(self, batch: int, rows: int, capacity: int, condition_shape: tuple[int, ...]) -> bool:
        """Whether a job of these shapes can use these buffers, and what was captured with them."""
        shapes = (self._codes.shape[0], self.state.rows, self.state.condition.shape)
        return shapes == (batch, rows, condition_shape) and self.state.capacity >= capacity

    @property
    def captured_lengths(self) -> tuple[int, ...]:
        """The window lengths for which a graph is kept."""
        return tuple(sorted(self._graphs))

    def _run(self, stop: int) -> Tensor:
        a, tables, state = self._architecture, self._tables, self.state
        hidden = hidden_slots(a, stop, self._position, self._weights.device)
        bias = attention_bias(hidden, self._weights.compute_dtype)
        window = Window(a, tables, self._position, self._rotary_position, stop, bias)
        return decode_step(a, self._weights, tables, state, self._codes, window)

    def _replay(self, stop: int) -> Tensor:
        if stop not in self._graphs:
            try:
                self._graphs[stop] = self._captured(stop)
            except RuntimeError as error:
                logger.warning("CUDA graphs are off, a step could not be captured: %s", error)
                self._capture = False
                self._graphs.clear()
                return self._run(stop)
        graph, logits = self._graphs[stop]
        graph.replay()
        return logits

    def _captured(self, stop: int) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        """Warm up on a side stream, as torch asks for, then record. A step can be repeated without harm."""
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            self._run(stop)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            logits = self._run(stop)
        return graph, logits
