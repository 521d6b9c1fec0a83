"""The compiled step over a model's weights and a job's state: codes in, logits out."""

import logging
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from musicgen_api.engine.architecture import Architecture
from musicgen_api.engine.cpu import barrier, layout, openmp
from musicgen_api.engine.cpu.forms import Form, FormMissing, choose
from musicgen_api.engine.cpu.step import compile_step
from musicgen_api.engine.state import Check, State, unchecked
from musicgen_api.engine.transformer import Tables, prefill
from musicgen_api.engine.weights import Int8Linear, Linear, ModelWeights, Norm

log = logging.getLogger(__name__)


def why_not(architecture: Architecture, weights: ModelWeights) -> str | None:
    """Why the compiled step cannot decode this model's int8 weights in any form, or None if it can."""
    linears = weights.linears
    unsupported = {
        "torch brings no OpenMP library here": openmp.library() is None,
        f"its heads are {layout.HEAD_WIDTH} wide, not {architecture.head_width}": architecture.head_width
        != layout.HEAD_WIDTH,
        "it has sine positions only": architecture.positions != "sin",
        "it attends to all earlier steps": architecture.past_context is not None,
        "it has no biases": any(linear.bias is not None for linear in linears),
        f"its matrices have multiples of {layout.CHUNK} outputs": any(
            linear.weight.shape[0] % layout.CHUNK for linear in linears
        ),
    }
    return next((reason for reason, applies in unsupported.items() if applies), None)


def compiled_weights(architecture: Architecture, weights: ModelWeights, wanted: str) -> "CompiledWeights | None":
    """The weights for the compiled step in the form `wanted` (or `auto`, or `off`); None where torch is to decode.

    The log says which form it is, or why int8 weights are left to torch.
    """
    if wanted == "off" or weights.precision != "int8":
        return None
    reason = why_not(architecture, weights)
    if reason is None:
        try:
            return CompiledWeights(architecture, weights, choose(wanted))
        except FormMissing as error:
            reason = str(error)
    log.warning("torch's operations decode instead of the compiled step: %s", reason)
    return None


class CompiledWeights:
    """A model's weights as the compiled step reads them: addresses, and what keeps them valid."""

    def __init__(self, architecture: Architecture, weights: ModelWeights, form: Form) -> None:
        self.architecture, self.weights, self.form = architecture, weights, form
        self.parallel = openmp.load()
        self.step = compile_step(form)
        self._kept: list[Tensor] = []
        self.layers = np.zeros(architecture.layers, layout.LAYER)
        for record, layer in zip(self.layers, weights.layers, strict=True):
            linears = {"qkv": layer.qkv, "out": layer.out, "up": layer.up, "down": layer.down}
            norms = {"norm_self": layer.norm_self, "norm_feed": layer.norm_feed}
            if layer.cross is not None:
                linears |= {"cross_query": layer.cross.query, "cross_out": layer.cross.out}
                norms |= {"norm_cross": layer.cross.norm}
            for name, linear in linears.items():
                record[name] = self._linear(linear)
            for name, norm in norms.items():
                record[name] = self._norm(norm)
        self.head, self.norm_out = self._linear(weights.heads), self._norm(weights.norm_out)
        log.info("the compiled step runs in its form %s", form.name)

    def _linear(self, linear: Linear) -> tuple[int, ...]:
        """A matrix's record."""
        assert isinstance(linear, Int8Linear) and linear.weight.is_contiguous()
        outputs, inputs = linear.weight.shape
        scale = self._keep(linear.scale.float())
        return linear.weight.data_ptr(), scale.data_ptr(), activation_limit(linear.weight), inputs, outputs

    def _norm(self, norm: Norm) -> tuple[int, ...]:
        """A normalisation's record."""
        assert norm.bias is not None and norm.eps == 1e-5
        return tuple(self._keep(tensor.float().contiguous()).data_ptr() for tensor in (norm.weight, norm.bias))

    def _keep(self, tensor: Tensor) -> Tensor:
        self._kept.append(tensor)
        return tensor


def activation_limit(weight: Tensor) -> int:
    """The largest integer for the activations of int8 weights [out, in] with which no sum exceeds 32 bits.

    Every partial sum is at most the limit times the largest sum of absolute weights in a row.
    """
    largest = max(int(rows.to(torch.int32).abs_().sum(dim=1).max()) for rows in torch.split(weight, 256))
    return min(layout.LARGEST_LIMIT, (2**31 - 1) // max(largest, 1))


class CompiledRunner:
    """Runs a step as one compiled function over a cache with room for the whole job.

    A row's logits depend neither on the other rows nor on the number of threads, to the last bit.
    """

    def __init__(self, weights: CompiledWeights, tables: Tables, state: State, songs: int, threads: int) -> None:
        a, rows = weights.architecture, state.rows
        assert rows <= layout.MOST_ROWS, f"{rows} rows, compiled for {layout.MOST_ROWS}"
        assert tables.sine is not None and tables.sine.dtype == torch.float32
        self.state, self._weights, self._tables, self._threads = state, weights, tables, threads
        self._layers = weights.layers.copy()
        for record, keys, values in zip(self._layers, state.keys, state.values, strict=True):
            record["keys"], record["values"] = keys.data_ptr(), values.data_ptr()
        cross = state.condition.shape
        for record, cached in zip(self._layers, state.condition.caches, strict=False):
            record["cross_keys"], record["cross_values"] = cached.keys.data_ptr(), cached.values.data_ptr()
        widest = int(max(self._layers["down"]["inputs"].max(), 3 * a.width))
        places = layout.scratch_layout(rows, a.width, widest, max(state.capacity, cross[1] if cross else 0))
        self._buffers = {
            "codes": torch.zeros(songs, a.codebooks, dtype=torch.long),
            "x": torch.zeros(rows, a.width),
            "mixed": torch.zeros(rows, a.width),
            "wide": torch.zeros(rows, widest),
            "logits": torch.zeros(rows, a.codebooks, a.card),
            "barrier": torch.zeros(barrier.BYTES, dtype=torch.uint8),
            "scratch": torch.zeros(threads, places["scratch_bytes"], dtype=torch.uint8),
        }
        counts = {
            "width": a.width,
            "heads": a.heads,
            "layers": a.layers,
            "rows": rows,
            "songs": songs,
            "codebooks": a.codebooks,
            "card": a.card,
            "cross_rows": cross[0] // a.heads if cross else 0,
            "cross_steps": cross[1] if cross else 0,
            "capacity": state.capacity,
        }
        addresses = {name: buffer.data_ptr() for name, buffer in self._buffers.items()} | {
            "embeddings": weights.weights.embeddings.data_ptr(),
            "sine": tables.sine.data_ptr(),
            "layer": self._layers.ctypes.data,
        }
        self._job = np.zeros(1, layout.JOB)
        self._fill(counts | addresses | places)
        self._job[0]["norm_out"], self._job[0]["head"] = weights.norm_out, weights.head

    def _fill(self, values: Mapping[str, int]) -> None:
        for name, value in values.items():
            self._job[0][name] = value

    def prefill(self, steps: Tensor, prefix: Tensor | None, check: Check = unchecked) -> Tensor:
        """See `Runner.prefill`.

        A first step alone is a step like all others. More steps go row by row: in torch's products a row's last bits
        depend on how many there are.
        """
        if prefix is None and steps.shape[-1] == 1:
            return self.step(steps[..., 0]).clone()
        songs = steps.shape[0]
        a, weights, logits = self._weights.architecture, self._weights.weights, []
        for r in range(self.state.rows):
            row_prefix = None if prefix is None else prefix[r : r + 1]
            row = _row(self.state, r, a.heads)
            row_steps = steps[r % songs : r % songs + 1]
            logits.append(prefill(a, weights, self._tables, row, row_steps, row_prefix, check))
            filled = row.filled
        self.state.filled = filled
        return torch.cat(logits)

    def step(self, codes: Tensor) -> Tensor:
        """See `Runner.step`; the result is overwritten by the next step."""
        self._buffers["codes"].copy_(codes)
        self._job[0]["position"] = self.state.filled
        threads = min(torch.get_num_threads(), self._threads)
        self._weights.parallel(self._weights.step.address, self._job.ctypes.data, threads, 0)
        self.state.filled += 1
        return self._buffers["logits"]


def _row(state: State, row: int, heads: int) -> State:
    """One row of a state, as a state over the same memory."""
    part = slice(row * heads, (row + 1) * heads)
    keys, values = [keys[part] for keys in state.keys], [values[part] for values in state.values]
    return State(1, state.capacity, keys, values, state.condition.part(part))
