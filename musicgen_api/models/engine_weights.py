"""AudioCraft's language model -> the engine: which models it can generate with, and their weights in its form.

Follows AudioCraft 1.3.0: `models/lm.py` and `modules/transformer.py`. `why_not` tells what the engine does not do;
AudioCraft's own `lm.generate` is used then.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from audiocraft.models.lm import LMModel
from audiocraft.models.lm_magnet import MagnetLMModel
from audiocraft.modules.codebooks_patterns import DelayedPatternProvider
from torch import Tensor
from torch.nn import functional as F

from musicgen_api.engine import (
    Architecture,
    CrossWeights,
    Engine,
    LayerWeights,
    Linear,
    ModelWeights,
    Norm,
    Precision,
    pack_linear,
)
from musicgen_api.engine.weights import COMPUTE_DTYPES

State = Mapping[str, Tensor]

log = logging.getLogger(__name__)

INT8_FROM_WIDTH = 128
"""Narrower models stay in fp32 on a CPU. At 256 int8 already measured 2.5 times as fast."""


def why_not(lm: LMModel) -> str | None:
    """Why the engine cannot run this model, or None if it can. Looks at structure, not at weights."""
    if isinstance(lm, MagnetLMModel):
        return "it decides all frames at once (MAGNeT)"
    layer: Any = lm.transformer.layers[0]
    attention = layer.self_attn
    rope = lm.transformer.rope
    provider = lm.pattern_provider
    unsupported = {
        "its codebook pattern is not a plain delay": not isinstance(provider, DelayedPatternProvider)
        or bool(provider.flatten_first or provider.empty_initial),
        "conditions are added to its input": bool(
            lm.fuser.fuse2cond.get("sum") or lm.fuser.fuse2cond.get("input_interpolate")
        ),
        "it normalises after its layers": not layer.norm_first,
        "its activation is not GELU": layer.activation not in (F.gelu, torch.nn.functional.gelu),
        "its layers are scaled": not isinstance(layer.layer_scale_1, torch.nn.Identity),
        "it normalises queries and keys": any(
            part is not None and part.qk_layer_norm for part in (attention, layer.cross_attention)
        ),
        "it repeats keys and values": attention.kv_repeat > 1,
        "it decays rotations (xPos)": rope is not None and rope.xpos is not None,
        # AudioCraft confuses heads with steps there (`_apply_rope`, `_complete_kv`), so it cannot give a right
        # result to compare with.
        "it limits or rotates memory-efficient attention": attention.memory_efficient
        and (rope is not None or attention.past_context is not None),
    }
    return next((reason for reason, applies in unsupported.items() if applies), None)


def architecture_of(lm: LMModel) -> Architecture:
    """Shape and arithmetic of a model for which `why_not` returns None."""
    transformer: Any = lm.transformer
    attention = transformer.layers[0].self_attn
    provider: Any = lm.pattern_provider
    return Architecture(
        width=lm.dim,
        heads=attention.num_heads,
        layers=len(transformer.layers),
        codebooks=lm.n_q,
        card=lm.card,
        delays=tuple(provider.delays),
        positions=transformer.positional_embedding,
        max_period=transformer.max_period,
        position_scale=transformer.positional_scale,
        past_context=attention.past_context,
    )


def engine_weights(lm: LMModel, state: State, precision: Precision, device: torch.device) -> ModelWeights:
    """Bring the weights in `state`, a state dictionary, into the engine's form, one matrix at a time."""
    architecture = architecture_of(lm)
    reader = _Reader(state, precision, device, query_scale=architecture.head_width**-0.5)
    layers = tuple(
        reader.layer(f"transformer.layers.{index}", layer) for index, layer in enumerate(lm.transformer.layers)
    )
    codebooks = range(architecture.codebooks)
    embeddings = torch.cat([state[f"emb.{k}.weight"] for k in codebooks])
    heads = torch.cat([state[f"linears.{k}.weight"] for k in codebooks])
    biases = [state[f"linears.{k}.bias"] for k in codebooks if f"linears.{k}.bias" in state]
    frequencies = state.get("transformer.rope.frequencies")
    weights = ModelWeights(
        embeddings=embeddings.to(device, COMPUTE_DTYPES[precision]),
        layers=layers,
        norm_out=reader.norm("out_norm"),
        heads=reader.pack(heads, torch.cat(biases) if biases else None),
        rotary_frequencies=None if frequencies is None else frequencies.to(device, torch.float32),
        precision=precision,
    )
    return weights


class _Reader:
    """Reads modules out of a state dictionary by AudioCraft's names."""

    def __init__(self, state: State, precision: Precision, device: torch.device, query_scale: float) -> None:
        self._state, self._precision, self._device = state, precision, device
        self._query_scale = query_scale
        self._norm_dtype = torch.float32 if device.type == "cpu" else COMPUTE_DTYPES[precision]

    def layer(self, name: str, module: Any) -> LayerWeights:
        weight, bias = self._projection(f"{name}.self_attn", module.self_attn)
        return LayerWeights(
            norm_self=self.norm(f"{name}.norm1"),
            qkv=self.pack(weight, bias),
            out=self.linear(f"{name}.self_attn{_inner(module.self_attn)}.out_proj"),
            cross=None if module.cross_attention is None else self._cross(name, module),
            norm_feed=self.norm(f"{name}.norm2"),
            up=self.linear(f"{name}.linear1"),
            down=self.linear(f"{name}.linear2"),
        )

    def norm(self, name: str) -> Norm:
        weight, bias = (self._state[f"{name}.{part}"] for part in ("weight", "bias"))
        return Norm(weight.to(self._device, self._norm_dtype), bias.to(self._device, self._norm_dtype))

    def linear(self, name: str) -> Linear:
        return self.pack(self._state[f"{name}.weight"], self._state.get(f"{name}.bias"))

    def pack(self, weight: Tensor, bias: Tensor | None) -> Linear:
        return pack_linear(weight, bias, self._precision, self._device)

    def _cross(self, name: str, module: Any) -> CrossWeights:
        weight, bias = self._projection(f"{name}.cross_attention", module.cross_attention)
        biases: tuple[Tensor | None, ...] = (None, None, None) if bias is None else bias.chunk(3)
        query, key, value = (self.pack(w, b) for w, b in zip(weight.chunk(3), biases, strict=True))
        out = self.linear(f"{name}.cross_attention{_inner(module.cross_attention)}.out_proj")
        return CrossWeights(self.norm(f"{name}.norm_cross"), query, key, value, out)

    def _projection(self, name: str, attention: Any) -> tuple[Tensor, Tensor | None]:
        """Queries', keys' and values' matrix [3C, C] and bias, the queries scaled."""
        prefix = name + _inner(attention)
        return (
            self._scale_queries(self._state[f"{prefix}.in_proj_weight"]),
            None
            if f"{prefix}.in_proj_bias" not in self._state
            else self._scale_queries(self._state[f"{prefix}.in_proj_bias"]),
        )

    def _scale_queries(self, packed: Tensor) -> Tensor:
        scaled = packed.float() if packed.dtype != torch.float32 else packed.clone()
        scaled[: len(scaled) // 3] *= self._query_scale
        return scaled


def _inner(attention: Any) -> str:
    """Where AudioCraft keeps the projections: in the module itself, or in torch's own attention inside."""
    return "" if attention.custom else ".mha"


def engine_for(
    lm: LMModel,
    state: State,
    precision: Precision,
    device: torch.device,
    *,
    step: str = "auto",
    cuda_graphs: bool = True,
) -> Engine:
    """The engine with the weights in `state`, the state dictionary of a model that `why_not` has nothing against."""
    weights = engine_weights(lm, state, precision, device)
    return Engine(architecture_of(lm), weights, step=step, cuda_graphs=cuda_graphs)


def choose_precision(wanted: str, width: int, device: torch.device) -> Precision:
    """The precision for a model of this width on this device; `auto` takes what measured best there.

    On a CPU int8 weights pay at every width that a trained model has (docs/engine.md). What a device does
    not do is replaced by what `auto` takes.
    """
    on_cpu = device.type == "cpu"
    best: Precision = ("int8" if width >= INT8_FROM_WIDTH else "fp32") if on_cpu else "fp16"
    possible: dict[str, Precision] = {"fp32": "fp32", "bf16": "bf16"}
    possible |= {"int8": "int8"} if on_cpu else {"fp16": "fp16"}
    if wanted not in ("auto", *possible):
        log.warning("precision %s is not for a %s, using %s", wanted, device.type, best)
    return possible.get(wanted, best)
