"""MultiBand Diffusion: tokens -> waveform by 20 steps of a U-Net for each band instead of EnCodec's decoder.

After AudioCraft's models/multibanddiffusion.py (1.3.0). Differences: the codec is the model's own, so nothing is loaded
twice; stereo tokens are decoded left and right; every U-Net call counts progress and may stop the job.
"""

from __future__ import annotations

import collections
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import omegaconf
import torch
from audiocraft.models import builders
from audiocraft.models.encodec import CompressionModel, InterleaveStereoCompressionModel
from audiocraft.models.loaders import get_audiocraft_cache_dir
from audiocraft.models.multibanddiffusion import DiffusionProcess, MultiBandDiffusion
from audiocraft.modules.diffusion_schedule import NoiseSchedule

from musicgen_api.domain.errors import DiffusionUnavailable, ModelError
from musicgen_api.domain.request import Monitor
from musicgen_api.models import hub
from musicgen_api.models.device import is_device_failure
from musicgen_api.models.fitting import BUILDING_FAILURES, require_finite
from musicgen_api.models.loaded_model import LoadedModel
from musicgen_api.models.packages import read_torch_file

FILE = "mbd_musicgen_32khz.th"
CALLS_PER_BAND = 20
"""U-Net calls that NoiseSchedule.generate_subsampled makes with its own list of steps."""

HUB_CODEC = (2048, 4, 32_000)
"""Codebook entries, codebooks and sample rate of facebook/encodec_32khz, for which the hub's file was trained."""

SAFE_GLOBALS: list[Any] = [
    *(collections.defaultdict, dict, list, int, Any),
    *(omegaconf.DictConfig, omegaconf.ListConfig, omegaconf.base.ContainerMetadata, omegaconf.base.Metadata),
    *(
        omegaconf.AnyNode,
        omegaconf.IntegerNode,
        omegaconf.FloatNode,
        omegaconf.BooleanNode,
        omegaconf.StringNode,
    ),
]
"""What the file may hold besides tensors: its configurations are OmegaConf objects. Still loaded weights_only."""


class Diffusion:
    """The diffusion models, on `device`, once loaded. For one thread.

    Args:
        source: a hub id, or a local file in AudioCraft's format.
    """

    def __init__(self, source: str, device: torch.device) -> None:
        self._source = source
        self._device = device
        self._processes: list[DiffusionProcess] | None = None
        self._latent_width = 0
        self._sample_rate = 0

    def prepare(self, model: LoadedModel, monitor: Monitor) -> None:
        """Load the missing diffusion models and make sure that they fit `model`'s codec.

        Raises:
            DiffusionUnavailable: it does not fit, or its weights cannot be had.
        """
        codec = _mono(model.compression_model)
        kind = (codec.cardinality, codec.num_codebooks, codec.sample_rate)
        if not os.path.isfile(self._source) and kind != HUB_CODEC:
            raise DiffusionUnavailable(f"MultiBand Diffusion (mbd) was not trained for the codec of {model.name}.")
        if self._processes is None:
            self._load(monitor)
        latent = codec.decode_latent(torch.zeros(1, codec.num_codebooks, 1, dtype=torch.long, device=self._device))
        if (latent.shape[1], codec.sample_rate) != (self._latent_width, self._sample_rate):
            raise DiffusionUnavailable(f"MultiBand Diffusion (mbd) does not fit the codec of {model.name}.")

    def calls(self, model: LoadedModel) -> int:
        """U-Net calls that `decode` will make."""
        return CALLS_PER_BAND * len(self._processes or ()) * model.audio_channels

    @torch.no_grad()
    def decode(self, model: LoadedModel, tokens: torch.Tensor, on_call: Callable[[], None]) -> torch.Tensor:
        """`tokens` [1, K, T] -> waveform [1, C, samples]. `on_call` runs before each U-Net call and may raise."""
        assert self._processes is not None, "prepare comes first"
        codec = model.compression_model
        diffusion = MultiBandDiffusion(self._processes, _mono(codec))
        hooks = [
            process.model.register_forward_pre_hook(lambda module, inputs: on_call()) for process in self._processes
        ]
        try:
            if isinstance(codec, InterleaveStereoCompressionModel):
                sides = codec.get_left_right_codes(tokens)
                return torch.cat([diffusion.tokens_to_wav(side) for side in sides], dim=1)
            waveform: torch.Tensor = diffusion.tokens_to_wav(tokens)
            return waveform
        finally:
            for hook in hooks:
                hook.remove()

    def release(self) -> None:
        """Forget the models; `prepare` loads them again."""
        self._processes = None

    def _load(self, monitor: Monitor) -> None:
        file, named_by = fetch(self._source, monitor)
        try:
            self._build(read_torch_file(file, named_by, SAFE_GLOBALS), file.name)
        except ModelError as error:
            raise DiffusionUnavailable(f"MultiBand Diffusion (mbd) cannot be used: {error.message}") from error
        except BUILDING_FAILURES as error:
            if is_device_failure(error):
                raise
            why = f"{file.name} is damaged, or holds something else."
            raise DiffusionUnavailable(f"MultiBand Diffusion (mbd) cannot be used: {why}") from error

    def _build(self, package: dict[Any, Any], name: str) -> None:
        """Build a process for each band, as AudioCraft's `load_diffusion_models` does."""
        processes = []
        for band in range(package["n_bands"]):
            config, state = package[band]["cfg"], package[band]["model_state"]
            require_finite(f"Band {band} of {name}", state)
            model = builders.get_diffusion_model(config)
            model.load_state_dict(state)
            processor = builders.get_processor(config.processor, package["sample_rate"])
            processor.load_state_dict(package[band]["processor_state"])
            schedule = NoiseSchedule(
                **config.schedule, sample_processor=processor.to(self._device), device=self._device
            )
            processes.append(DiffusionProcess(model.to(self._device).eval(), schedule))
        self._latent_width = processes[0].model.conv_codec.in_channels
        self._sample_rate = package[0]["cfg"].sample_rate
        self._processes = processes


def fetch(source: str, monitor: Monitor) -> tuple[Path, str]:
    """The file of the diffusion models at `source`, downloaded if it is not here, and the setting that names its place.

    Raises:
        DiffusionUnavailable: it cannot be had.
    """
    if os.path.isfile(source):
        return Path(source), "MUSICGEN_MBD"
    try:
        file = hub.Downloads(source, monitor).file(source, FILE, get_audiocraft_cache_dir())
    except ModelError as error:
        raise DiffusionUnavailable(f"MultiBand Diffusion (mbd) cannot be used: {error.message}") from error
    return file, hub.cache_setting(checkpoint=True)


def _mono(codec: CompressionModel) -> CompressionModel:
    """The codec of one channel."""
    return codec.model if isinstance(codec, InterleaveStereoCompressionModel) else codec
