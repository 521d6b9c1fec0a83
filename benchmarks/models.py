"""Models to measure with: the published sizes with random weights, which decode as fast as trained ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from audiocraft.models.lm import LMModel
from audiocraft.modules.codebooks_patterns import DelayedPatternProvider
from audiocraft.modules.conditioners import ConditionFuser, ConditioningAttributes, ConditioningProvider
from torch import Tensor

FRAMES_PER_SECOND = 50
TEXT_STEPS = 16
"""Length of the text condition: about what a one-line prompt has."""


@dataclass(frozen=True)
class Shape:
    """A published language model's size (AudioCraft's config/model/lm/model_scale)."""

    width: int
    heads: int
    layers: int
    card: int = 2048
    codebooks: int = 4


SHAPES = {
    "musicgen-small": Shape(1024, 16, 24),
    "musicgen-medium": Shape(1536, 24, 48),
    "musicgen-large": Shape(2048, 32, 48),
}


class FixedText(ConditioningProvider):
    """Gives every described song the same random condition and every other one zeros."""

    def __init__(self, width: int) -> None:
        super().__init__({})
        self.register_buffer("embedding", torch.randn(1, TEXT_STEPS, width), persistent=False)

    def tokenize(self, inputs: list[ConditioningAttributes]) -> Any:
        """Say which songs are described, [rows]."""
        return torch.tensor([song.text.get("description") is not None for song in inputs])

    def forward(self, tokenized: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Give the condition and its mask."""
        mask = tokenized.to(self.embedding.device).unsqueeze(1).expand(-1, TEXT_STEPS)
        return {"description": (self.embedding * mask.unsqueeze(-1), mask)}


def random_language_model(
    shape: Shape, device: torch.device, dtype: torch.dtype = torch.float32, seed: int = 0
) -> LMModel:
    """Build AudioCraft's LMModel as the published checkpoints configure it, with random weights."""
    with torch.device("meta"):
        lm = LMModel(
            DelayedPatternProvider(shape.codebooks),
            ConditioningProvider({}),
            ConditionFuser({"sum": [], "prepend": [], "cross": ["description"], "input_interpolate": []}),
            n_q=shape.codebooks,
            card=shape.card,
            dim=shape.width,
            num_heads=shape.heads,
            num_layers=shape.layers,
            hidden_scale=4,
            norm_first=True,
            bias_proj=False,
            bias_ff=False,
            bias_attn=False,
            causal=True,
            memory_efficient=True,
            cross_attention=True,
            activation="gelu",
            dropout=0.0,
            cfg_coef=3.0,
            dtype=dtype,
        )
    lm.to_empty(device=device).to(dtype)
    torch.manual_seed(seed)
    for name, parameter in lm.named_parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5)
        else:
            torch.nn.init.constant_(parameter, 0.0 if name.endswith("bias") else 1.0)
    lm.condition_provider = FixedText(shape.width).to(device, dtype)
    return lm.requires_grad_(False).eval()


def described_song() -> list[ConditioningAttributes]:
    """One song with a text."""
    return [ConditioningAttributes(text={"description": "any"})]
