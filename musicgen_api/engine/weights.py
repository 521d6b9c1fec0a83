"""The model's weights in the precision they are computed in.

Knows tensors, not where they come from: the caller hands each matrix over once, in any dtype, and gets a
callable layer.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from musicgen_api.engine.cpu.forms import has_bfloat16_products

Precision = Literal["fp32", "bf16", "fp16", "int8"]

COMPUTE_DTYPES: dict[str, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "int8": torch.bfloat16,
}
"""What activations and the KV cache are held in; int8 holds weights only."""

_INT8_ROWS = 64
"""Up to this many rows the int8 kernel beats widening the weights first (docs/engine-log.md)."""


@dataclass(frozen=True)
class DenseLinear:
    """y = x Wᵀ + b with W [out, in] in the compute dtype."""

    weight: Tensor
    bias: Tensor | None

    def __call__(self, x: Tensor) -> Tensor:
        """Apply to x [rows, in]; returns [rows, out]."""
        return F.linear(x, self.weight, self.bias)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.weight.nbytes + (0 if self.bias is None else self.bias.nbytes)


@dataclass(frozen=True)
class Int8Linear:
    """y = (x Qᵀ) * s + b with Q [out, in] in int8 and one scale s for each output channel, on a CPU."""

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __call__(self, x: Tensor) -> Tensor:
        """Apply to x [rows, in] in bfloat16; returns [rows, out] in bfloat16."""
        if x.shape[0] <= _INT8_ROWS:
            y = torch._weight_int8pack_mm(x, self.weight, self.scale)
        else:
            wide = x.dtype if has_bfloat16_products() else torch.float32
            y = F.linear(x.to(wide), self.weight.to(wide)).mul_(self.scale).to(x.dtype)
        return y if self.bias is None else y.add_(self.bias)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.weight.nbytes + self.scale.nbytes + (0 if self.bias is None else self.bias.nbytes)


Linear = DenseLinear | Int8Linear


@dataclass(frozen=True)
class Norm:
    """Layer normalisation over the last dimension."""

    weight: Tensor
    bias: Tensor | None
    eps: float = 1e-5

    def __call__(self, x: Tensor) -> Tensor:
        """Normalise x [..., C]; statistics and result are in x's dtype (computed in fp32 by torch)."""
        return F.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.eps)


@dataclass(frozen=True)
class CrossWeights:
    """Cross-attention of one layer. The query is scaled by D ** -0.5 beforehand."""

    norm: Norm
    query: Linear
    key: Linear
    value: Linear
    out: Linear

    @property
    def maps_zero_to_zero(self) -> bool:
        """Whether a condition of zeros gives an output of zeros (no bias on the way from value to output)."""
        return all(layer.bias is None or not bool(layer.bias.any()) for layer in (self.value, self.out))


@dataclass(frozen=True)
class LayerWeights:
    """One transformer layer. `qkv` is [3C, C] with the query part scaled by D ** -0.5 beforehand."""

    norm_self: Norm
    qkv: Linear
    out: Linear
    cross: CrossWeights | None
    norm_feed: Norm
    up: Linear
    down: Linear


@dataclass(frozen=True)
class ModelWeights:
    """Everything that a step reads."""

    embeddings: Tensor
    """[K * (card + 1), C]: the codebooks' tables one after the other."""
    layers: tuple[LayerWeights, ...]
    norm_out: Norm
    heads: Linear
    """[K * card, C]: the codebooks' output layers one after the other."""
    rotary_frequencies: Tensor | None
    """[D / 2], fp32; None without rotary positions."""
    precision: Precision

    @property
    def compute_dtype(self) -> torch.dtype:
        """The dtype of activations and of the KV cache."""
        return COMPUTE_DTYPES[self.precision]

    @property
    def residual_dtype(self) -> torch.dtype:
        """The residual stream's dtype: fp32 on a CPU, where it costs nothing; the compute dtype on a GPU."""
        return torch.float32 if self.device.type == "cpu" else self.compute_dtype

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.embeddings.device

    @property
    def linears(self) -> list[Linear]:
        """All matrices but the embeddings."""
        linears = [self.heads]
        for layer in self.layers:
            linears += [layer.qkv, layer.out, layer.up, layer.down]
            if layer.cross is not None:
                linears += [layer.cross.query, layer.cross.key, layer.cross.value, layer.cross.out]
        return linears

    @property
    def nbytes(self) -> int:
        """Bytes of all matrices (norms aside)."""
        return self.embeddings.nbytes + sum(linear.nbytes for linear in self.linears)


def pack_linear(weight: Tensor, bias: Tensor | None, precision: Precision, device: torch.device) -> Linear:
    """Bring a matrix [out, in] of any dtype into `precision` on `device`, sharing its memory if possible."""
    dtype = COMPUTE_DTYPES[precision]
    bias = None if bias is None else bias.to(device, dtype)
    if precision != "int8":
        return DenseLinear(weight.to(device, dtype), bias)
    assert device.type == "cpu", "int8 weights are for CPUs"
    quantised, scale = quantise_rows(weight)
    return Int8Linear(quantised, scale.to(dtype), bias)


def quantise_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round a matrix [out, in] to int8 with one symmetric scale [out] a row, itself rounded to bfloat16."""
    wide = weight.float()
    scale = (wide.abs().amax(dim=1) / 127.0).clamp_min_(1e-12).bfloat16()
    quantised = (wide / scale.float().unsqueeze(1)).round_().clamp_(-127, 127).to(torch.int8)
    return quantised, scale
