"""A model in memory: AudioCraft's modules, and the engine where it takes the transformer's place."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import torch
from audiocraft.models.encodec import CompressionModel
from audiocraft.models.lm import LMModel
from audiocraft.models.lm_magnet import MagnetLMModel
from audiocraft.utils.autocast import TorchAutocast

from musicgen_api.domain.request import Backend
from musicgen_api.engine import Engine
from musicgen_api.engine.weights import COMPUTE_DTYPES


@dataclass(frozen=True)
class LoadedModel:
    """What generating needs to know of a model. Nothing of a job is kept in it."""

    name: str
    """Its id in the catalogue."""
    lm: LMModel
    """AudioCraft's language model. Where `engine` is there, only its conditioners have weights."""
    compression_model: CompressionModel
    """The codec, both channels in one where the model is stereo."""
    engine: Engine | None
    """What generates the codes; None: AudioCraft's own `lm.generate`."""
    window_s: float
    """Seconds of music that the model sees at a time."""
    stride_s: float = 18.0
    """Seconds by which the next window of a longer piece begins later (AudioCraft: `extend_stride`)."""

    @property
    def device(self) -> torch.device:
        """Where codes are made."""
        if self.engine is not None:
            return self.engine.weights.device
        return next(iter(self.lm.parameters())).device

    @property
    def frame_rate(self) -> float:
        """Frames of codes for a second of music."""
        return float(self.compression_model.frame_rate)

    @property
    def sample_rate(self) -> int:
        """In Hz, of the audio."""
        return int(self.compression_model.sample_rate)

    @property
    def audio_channels(self) -> int:
        """1 mono, 2 stereo."""
        return int(self.compression_model.channels)

    @cached_property
    def codec(self) -> str:
        """Names the codec by the contents of its codebooks: codes mean the same wherever these are the same."""
        tensors = self.compression_model.state_dict()
        codebooks = [tensor for name, tensor in tensors.items() if name.endswith(".embed")] or list(tensors.values())
        digest = hashlib.sha256()
        for tensor in codebooks:
            digest.update(tensor.detach().float().cpu().contiguous().numpy())
        return f"sha256:{digest.hexdigest()[:32]}"

    @property
    def delay(self) -> int:
        """Steps by which the last codebook lags: so many steps more than frames does a window take."""
        return int(max(getattr(self.lm.pattern_provider, "delays", [0])))

    @property
    def makes_whole_pieces(self) -> bool:
        """Whether it decides all frames at once, and pieces of one length alone (MAGNeT)."""
        return isinstance(self.lm, MagnetLMModel)

    @property
    def autocast(self) -> TorchAutocast:
        """The mixed precision of AudioCraft's own modules on a GPU (models/genmodel.py, 1.3.0)."""
        kind = self.device.type
        return TorchAutocast(enabled=kind != "cpu", device_type=kind, dtype=torch.float16)

    @property
    def backend(self) -> Backend:
        """What generates, and in which precision."""
        if self.engine is not None:
            return Backend("engine", self.engine.weights.precision, self.engine.form)
        names = {dtype: name for name, dtype in COMPUTE_DTYPES.items() if name != "int8"}  # of weights as well
        return Backend("audiocraft", names[next(self.lm.transformer.parameters()).dtype])
