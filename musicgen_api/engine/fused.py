"""The compiled step over a model's weights and a job's state: addresses in, logits out."""

import numpy as np
import torch
from torch import Tensor

from musicgen_api.engine import kernel, openmp
from musicgen_api.engine.architecture import Architecture
from musicgen_api.engine.state import State
from musicgen_api.engine.weights import Int8Linear, Linear, ModelWeights, Norm

MOST_ROWS = 2
"""Rows of the transformer's batch that the step is made for: one song with guidance."""


def supports(architecture: Architecture, weights: ModelWeights) -> bool:
    """Whether the compiled step can decode this model on this machine."""
    linears = weights.linears
    return (
        kernel.vector_bytes() > 0
        and openmp.library() is not None
        and weights.precision == "int8"
        and architecture.head_width == kernel.HEAD_WIDTH
        and not architecture.uses_rotary
        and architecture.past_context is None
        and all(isinstance(linear, Int8Linear) and linear.bias is None for linear in linears)
        and all(linear.weight.shape[1] % kernel.vector_bytes() == 0 for linear in linears)
    )


def _linear(linear: Linear) -> tuple[tuple[int, ...], list[Tensor]]:
    """A matrix's record, and the tensors that must live as long as it is used."""
    assert isinstance(linear, Int8Linear) and linear.weight.is_contiguous()
    outputs, inputs = linear.weight.shape
    scale, sums = linear.scale.float(), linear.weight.sum(dim=1, dtype=torch.int32)
    return (linear.weight.data_ptr(), scale.data_ptr(), sums.data_ptr(), inputs, outputs), [linear.weight, scale, sums]


def _norm(norm: Norm) -> tuple[tuple[int, ...], list[Tensor]]:
    assert norm.bias is not None and norm.eps == 1e-5
    kept = [norm.weight.float().contiguous(), norm.bias.float().contiguous()]
    return tuple(tensor.data_ptr() for tensor in kept), kept


class FusedWeights:
    """A model's weights as the compiled step reads them: addresses, and what keeps them valid."""

    def __init__(self, architecture: Architecture, weights: ModelWeights) -> None:
        self.architecture = architecture
        self.parallel = openmp.load()
        self.step = kernel.compile_step()
        self._kept: list[Tensor] = []
        self.layers = np.zeros(architecture.layers, kernel.LAYER)
        for record, layer in zip(self.layers, weights.layers, strict=True):
            linears = {"qkv": layer.qkv, "out": layer.out, "up": layer.up, "down": layer.down}
            norms = {"norm_self": layer.norm_self, "norm_feed": layer.norm_feed}
            if layer.cross is not None:
                linears |= {"cross_query": layer.cross.query, "cross_out": layer.cross.out}
                norms |= {"norm_cross": layer.cross.norm}
            for name, linear in linears.items():
                record[name] = self._hold(_linear(linear))
            for name, norm in norms.items():
                record[name] = self._hold(_norm(norm))
        self.head = self._hold(_linear(weights.heads))
        self.norm_out = self._hold(_norm(weights.norm_out))

    def _hold(self, pair: tuple[tuple[int, ...], list[Tensor]]) -> tuple[int, ...]:
        record, kept = pair
        self._kept += kept
        return record


class FusedStep:
    """The compiled step over one job's state."""

    def __init__(self, weights: FusedWeights, state: State, threads: int) -> None:
        a, rows = weights.architecture, state.rows
        assert rows <= MOST_ROWS, f"{rows} rows, compiled for {MOST_ROWS}"
        self._weights, self._state = weights, state
        self._layers = weights.layers.copy()
        for record, keys, values in zip(self._layers, state.keys, state.values, strict=True):
            record["keys"], record["values"] = keys.data_ptr(), values.data_ptr()
        cross = state.condition.shape
        for record, cached in zip(self._layers, state.condition.caches, strict=False):
            record["cross_keys"], record["cross_values"] = cached.keys.data_ptr(), cached.values.data_ptr()
        widest = int(max(self._layers["down"]["inputs"].max(), 3 * a.width))
        steps = max(state.capacity, cross[1] if cross else 0)
        scratch_bytes = 256 + 2 * rows * widest + 4 * rows * a.width + 4 * steps
        scratch_bytes += -scratch_bytes % 4096
        outputs = weights.head[-1]
        self._x, self._mixed = torch.zeros(rows, a.width), torch.zeros(rows, a.width)
        self._wide, self._logits = torch.zeros(rows, widest), torch.zeros(rows, outputs)
        self._scratch = torch.zeros(threads, scratch_bytes, dtype=torch.uint8)
        self._job = np.zeros(1, kernel.JOB)
        for name, value in {
            "width": a.width,
            "heads": a.heads,
            "layers": a.layers,
            "rows": rows,
            "cross_rows": cross[0] // a.heads if cross else 0,
            "cross_steps": cross[1] if cross else 0,
            "capacity": state.capacity,
            "scratch_bytes": scratch_bytes,
            "layer": self._layers.ctypes.data,
            "x": self._x.data_ptr(),
            "logits": self._logits.data_ptr(),
            "wide": self._wide.data_ptr(),
            "mixed": self._mixed.data_ptr(),
            "scratch": self._scratch.data_ptr(),
            "norm_out": weights.norm_out,
            "head": weights.head,
        }.items():
            self._job[0][name] = value

    def __call__(self, x: Tensor) -> Tensor:
        """Run the input x [R, C] through the model at the state's next position; returns logits [R, K * card] in fp32.

        Writes the step's keys and values into the cache. The result is overwritten by the next step.
        """
        self._x.copy_(x)
        self._job[0]["position"] = self._state.filled
        threads = min(torch.get_num_threads(), self._scratch.shape[0])
        self._weights.parallel(self._weights.step.address, self._job.ctypes.data, threads, 0)
        return self._logits
