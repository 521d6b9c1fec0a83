"""The layers of EnCodec, each with a memory: what they give for pieces is what the modules give for the whole.

Each keeps what the next piece needs of this one (the end of a convolution's input, the LSTM's state) and holds back
what depends on the next piece. So nothing is computed twice, and the look-ahead is what the layers' own sizes make it.
Padding belongs to the ends of the file: the first piece gets the left one, the last piece the right one.

Follows AudioCraft 1.3.0 (modules/seanet.py, conv.py, lstm.py) and transformers 5 (models/encodec/modeling_encodec.py).
Their modules' weights and norms are used as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Protocol

import torch
from audiocraft.modules.conv import StreamableConv1d, StreamableConvTranspose1d, pad1d
from audiocraft.modules.lstm import StreamableLSTM
from audiocraft.modules.seanet import SEANetDecoder, SEANetEncoder, SEANetResnetBlock
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.encodec.modeling_encodec import (
    EncodecConv1d,
    EncodecConvTranspose1d,
    EncodecDecoder,
    EncodecEncoder,
    EncodecLSTM,
    EncodecResnetBlock,
)

_POINTWISE = (
    *(nn.Identity, nn.ELU, nn.CELU, nn.SELU, nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.GELU, nn.SiLU, nn.Mish),
    *(nn.Tanh, nn.Hardtanh, nn.Sigmoid, nn.Softplus, nn.Softsign),
)
"""Activations that look at one sample at a time."""

_LOCAL_PADDING = ("constant", "reflect", "replicate")
"""Padding that is made of the samples beside it."""


class Uncuttable(Exception):
    """There is a layer that looks at all of the music, or one that is not known here."""


class Layer(Protocol):
    """A layer that remembers. Its outputs, joined, are the module's output for the joined inputs."""

    def __call__(self, x: Tensor, *, last: bool) -> Tensor:
        """The next input [B, C, n], n may be 0, -> what is settled of the output. Nothing follows the `last`."""


def layer_of(module: nn.Module) -> Layer:
    """The layer with a memory for `module`. Raises Uncuttable."""
    match module:
        case SEANetDecoder() | SEANetEncoder():
            return layer_of(module.model)
        case EncodecDecoder() | EncodecEncoder():
            return _Chain(module.layers)
        case nn.Sequential():
            return _Chain(module)
        case SEANetResnetBlock():
            return _Residual(layer_of(module.block), layer_of(module.shortcut))
        case EncodecResnetBlock():
            return _Residual(_Chain(module.block), layer_of(module.shortcut))
        case StreamableConv1d():
            return _Convolution(module.conv.conv, module)
        case EncodecConv1d():
            return _Convolution(module.conv, module)
        case StreamableConvTranspose1d():
            return _Transposed(module.convtr.convtr, module)
        case EncodecConvTranspose1d():
            return _Transposed(module.conv, module)
        case StreamableLSTM():
            return _Recurrent(module.lstm, skip=module.skip)
        case EncodecLSTM():
            return _Recurrent(module.lstm, skip=True)
    if isinstance(module, _POINTWISE):
        return _Pointwise(module)
    raise Uncuttable(type(module).__name__)


class _Pointwise:
    def __init__(self, module: nn.Module) -> None:
        self._module = module

    def __call__(self, x: Tensor, *, last: bool) -> Tensor:
        y: Tensor = self._module(x)
        return y


class _Chain:
    def __init__(self, modules: Iterable[nn.Module]) -> None:
        self._layers = [layer_of(module) for module in modules]

    def __call__(self, x: Tensor, *, last: bool) -> Tensor:
        for layer in self._layers:
            x = layer(x, last=last)
        return x


class _Residual:
    """Adds a block and its shortcut; the faster of the two waits for the other."""

    def __init__(self, block: Layer, shortcut: Layer) -> None:
        self._block, self._shortcut = block, shortcut
        self._waiting: Tensor | None = None

    def __call__(self, x: Tensor, *, last: bool) -> Tensor:
        y, straight = self._block(x, last=last), _joined(self._waiting, self._shortcut(x, last=last))
        ready = y.shape[-1]
        self._waiting = straight[..., ready:].clone()
        return y + straight[..., :ready]


class _Convolution:
    """A convolution keeps the end of its input: what its kernel still needs for the next output.

    `module` is what `conv` stands in: it says how to pad. With a stride, the whole input must be a multiple of it.
    """

    def __init__(self, conv: nn.Conv1d, module: Any) -> None:
        _require_no_norm_over_time(module)
        if module.pad_mode not in _LOCAL_PADDING:
            raise Uncuttable(f"padding {module.pad_mode}")
        self._conv, self._weight, self._mode = conv, _weight_of(conv), module.pad_mode
        self._reach, self._stride = (conv.kernel_size[0] - 1) * conv.dilation[0], conv.stride[0]
        padding = self._reach + 1 - self._stride
        self._right = 0 if module.causal else padding // 2
        self._left = padding - self._right
        self._begun = False
        self._kept: Tensor | None = None

    def __call__(self, x: Tensor, *, last: bool) -> Tensor:
        conv, x = self._conv, _joined(self._kept, x)
        # Reflected padding needs more samples than it has itself, and is another one where the whole file has fewer.
        if not self._begun and not last and x.shape[-1] <= self._left:
            self._kept = x
            return x.new_empty(x.shape[0], conv.out_channels, 0)
        left, right = 0 if self._begun else self._left, self._right if last else 0
        if left or right:
            x = pad1d(x, (left, right), self._mode)
        self._begun = True
        new = max((x.shape[-1] - self._reach - 1) // self._stride + 1, 0)
        self._kept = x[..., new * self._stride :].clone()
        if new == 0:
            return x.new_empty(x.shape[0], conv.out_channels, 0)
        return F.conv1d(x, self._weight, conv.bias, stride=self._stride, dilation=conv.dilation, groups=conv.groups)


class _Transposed:
    """A transposed convolution keeps the inputs that still reach into the next outputs.

    `module` is what `conv` stands in: it says how to trim.
    """

    def __init__(self, conv: nn.ConvTranspose1d, module: Any) -> None:
        _require_no_norm_over_time(module)
        self._conv, self._weight, self._stride = conv, _weight_of(conv), conv.stride[0]
        excess = conv.kernel_size[0] - self._stride
        self._right = math.ceil(excess * module.trim_right_ratio) if module.causal else excess // 2
        self._left_to_trim = excess - self._right
        self._reach = math.ceil(excess / self._stride)
        self._kept: Tensor | None = None

    def __call__(self, x: Tensor, *, last: bool) -> Tensor:
        conv, known = self._conv, 0 if self._kept is None else self._kept.shape[-1]
        x = _joined(self._kept, x)
        self._kept = x[..., max(x.shape[-1] - self._reach, 0) :].clone()
        if x.shape[-1] == known and not last:
            return x.new_empty(x.shape[0], conv.out_channels, 0)
        y = F.conv_transpose1d(x, self._weight, conv.bias, stride=self._stride, groups=conv.groups)
        y = y[..., known * self._stride : y.shape[-1] - self._right if last else x.shape[-1] * self._stride]
        trimmed = min(self._left_to_trim, y.shape[-1])
        self._left_to_trim -= trimmed
        return y[..., trimmed:]


class _Recurrent:
    def __init__(self, lstm: nn.LSTM, *, skip: bool) -> None:
        if lstm.bidirectional:
            raise Uncuttable("a bidirectional LSTM")
        self._lstm, self._skip = lstm, skip
        self._state: tuple[Tensor, Tensor] | None = None

    def __call__(self, x: Tensor, *, last: bool) -> Tensor:
        if x.shape[-1] == 0:
            return x
        steps = x.permute(2, 0, 1)
        y: Tensor
        y, self._state = self._lstm(steps, self._state)
        return (y + steps if self._skip else y).permute(1, 2, 0)


def _weight_of(conv: nn.Conv1d | nn.ConvTranspose1d) -> Tensor:
    """The kernel, computed once for all pieces: behind weight normalisation, a module makes it anew in each call."""
    some = next(conv.parameters())
    conv(some.new_zeros(1, conv.in_channels, (conv.kernel_size[0] - 1) * conv.dilation[0] + 1))
    weight: Tensor = conv.weight
    return weight


def _joined(kept: Tensor | None, x: Tensor) -> Tensor:
    return x if kept is None or kept.shape[-1] == 0 else torch.cat([kept, x], dim=-1)


def _require_no_norm_over_time(module: nn.Module) -> None:
    """Raise Uncuttable if a norm's mean and deviation are those of the whole music."""
    if any(isinstance(part, nn.GroupNorm) for part in module.modules()):
        raise Uncuttable("a norm over time")
