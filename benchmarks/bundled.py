"""The bundled model, loaded as the service loads it."""

from __future__ import annotations

import torch
from audiocraft.models.lm import LMModel

from musicgen_api.models.catalog import BUNDLED_FOLDER, BUNDLED_ID
from musicgen_api.models.loaded_model import LoadedModel
from musicgen_api.models.loading import BackendChoice, load_musicgen


class NoMonitor:
    """Listens to nothing."""

    def check(self) -> None:
        """Never stop."""

    def progress(self, percent: float, phase: object) -> None:
        """Nobody looks."""

    def read(self, reading: object) -> None:
        """Nobody looks."""

    def sound(self, sound: object) -> None:
        """Nobody listens."""

    def download(self, model: str, bytes_done: int, bytes_total: int) -> None:
        """Nobody looks."""


def load_bundled(engine: str = "audiocraft", precision: str = "auto") -> LoadedModel:
    """Load it on the CPU."""
    choice = BackendChoice(engine, precision)
    return load_musicgen(BUNDLED_ID, str(BUNDLED_FOLDER), torch.device("cpu"), NoMonitor(), choice)


def bundled_language_model() -> LMModel:
    """Its language model with AudioCraft's weights, in fp32."""
    return load_bundled().lm
