"""The bundled model, loaded as the service loads it."""

from __future__ import annotations

import torch
from audiocraft.models.lm import LMModel
from audiocraft.models.musicgen import MusicGen

from musicgen_api.synthesis.catalog import BUNDLED_FOLDER, BUNDLED_ID
from musicgen_api.synthesis.loading import DecodingChoice, load_musicgen


class NoMonitor:
    """Wants to know nothing."""

    def check(self) -> None:
        """Never stop."""

    def progress(self, percent: float, phase: object) -> None:
        """Nobody looks."""

    def download(self, model: str, bytes_done: int, bytes_total: int) -> None:
        """Nobody looks."""


def load_bundled(engine: str = "audiocraft", precision: str = "auto") -> MusicGen:
    """Load it on the CPU."""
    choice = DecodingChoice(engine, precision)
    return load_musicgen(BUNDLED_ID, str(BUNDLED_FOLDER), torch.device("cpu"), NoMonitor(), choice)


def bundled_language_model() -> LMModel:
    """Its language model with AudioCraft's weights, in fp32."""
    return load_bundled().lm
