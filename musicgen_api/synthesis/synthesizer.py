"""One request -> one piece of music, with AudioCraft.

The generation parameters and the progress callback live on AudioCraft's model object (models/genmodel.py, 1.3.0), so
every one of them is set for every job.
"""

from __future__ import annotations

from typing import Any

import joblib
import torch
from audiocraft.models.musicgen import MusicGen

from musicgen_api.audio import encode_wav
from musicgen_api.errors import DeviceMissing, GenerationFailed
from musicgen_api.settings import Settings
from musicgen_api.synthesis.catalog import Catalog
from musicgen_api.synthesis.decoding import decoding_of
from musicgen_api.synthesis.diffusion import Diffusion
from musicgen_api.synthesis.failures import device_failures
from musicgen_api.synthesis.loading import DecodingChoice
from musicgen_api.synthesis.model_store import ModelStore
from musicgen_api.synthesis.progress import ProgressMeter, count_steps
from musicgen_api.synthesis.request import Decoding, Monitor, Music, MusicRequest, Phase

GREEDY_BELOW = 1e-6
"""Temperatures below are argmax: the softmax has long become a one there, and 1e-40 would divide to infinity."""


class AudioCraftSynthesizer:
    """Owns the device and the models. For one thread: the one that makes it."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        # torch knows of physical cores, joblib of the share of them that a container or a CPU set leaves.
        torch.set_num_threads(settings.threads or min(torch.get_num_threads(), joblib.cpu_count()))
        device = _choose_device(settings.device)
        self.loaded_models: frozenset[str] = frozenset()
        self.decodings: dict[str, Decoding] = {}
        self._catalog = catalog
        self._diffusion = Diffusion(settings.diffusion, device)
        self._store = ModelStore(
            device,
            capacity=settings.max_models,
            idle_s=settings.model_idle_s,
            choice=DecodingChoice(settings.engine, settings.precision, settings.cuda_graphs),
            on_change=self._note_loaded,
        )

    def preload(self, monitor: Monitor) -> None:
        """Load the default model. Raises as `synthesize` does."""
        entry = self._catalog.find(self._catalog.default_id)
        with device_failures(f"loading {entry.id}"):
            self._store.get(entry, monitor)

    def synthesize(self, request: MusicRequest, monitor: Monitor) -> Music:
        """Make the piece.

        Raises:
            ModelError: the model, or MultiBand Diffusion for it, cannot be used; no token was generated.
            OutOfMemory, DeviceLost: the device's fault.
            GenerationFailed: the result is no audio.
            Cancelled: or whatever `monitor.check` raises.
        """
        try:
            return self._synthesize(request, monitor)
        finally:
            self._store.touch()

    def release_idle(self) -> float | None:
        """Free models that are idle for too long; seconds until the next call makes sense."""
        timeout_s = self._store.release_idle()
        if not self.loaded_models:
            self._diffusion.release()
        return timeout_s

    def _synthesize(self, request: MusicRequest, monitor: Monitor) -> Music:
        entry = self._catalog.find(request.model)
        meter = ProgressMeter(monitor, _shares(loading=entry not in self._store, diffusing=request.mbd))
        with device_failures(f"loading {entry.id}"):
            meter.enter(Phase.LOADING, 1)
            model = self._store.get(entry, monitor)
            if request.mbd:
                self._diffusion.prepare(model, monitor)
        with device_failures(f"generating {request.duration} s with {entry.id}"):
            tokens = _generate_tokens(model, request, meter)
            waveform = self._decode(model, tokens, request.mbd, meter)
            return _encode(waveform, model, request)

    def _decode(self, model: MusicGen, tokens: torch.Tensor, diffuse: bool, meter: ProgressMeter) -> torch.Tensor:
        """`tokens` [1, K, T] -> waveform [1, C, samples]."""
        if not diffuse:
            meter.enter(Phase.DECODING, 1)
            return model.generate_audio(tokens)
        meter.enter(Phase.DIFFUSING, self._diffusion.calls(model))
        return self._diffusion.decode(model, tokens, meter.step)

    def _note_loaded(self, ids: frozenset[str]) -> None:
        self.decodings = {model_id: decoding_of(model.lm) for model_id, model in self._store.held().items()}
        self.loaded_models = ids


def _choose_device(setting: str) -> torch.device:
    """The device that MUSICGEN_DEVICE means.

    Raises:
        DeviceMissing: it names a GPU that torch does not find.
    """
    if setting == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = setting.partition(":")
    if kind == "cuda":
        if int(index or 0) >= torch.cuda.device_count():
            raise DeviceMissing(f"MUSICGEN_DEVICE is {setting}, but torch finds {torch.cuda.device_count()} GPUs.")
        torch.cuda.set_device(int(index or 0))  # for this thread; AudioCraft's autocast takes no index
    return torch.device(kind)


def _shares(*, loading: bool, diffusing: bool) -> dict[Phase, float]:
    """Roughly how a job's time divides; exact within the counted phases."""
    shares = {Phase.LOADING: 5.0 if loading else 0.0, Phase.GENERATING: 90.0}
    return shares | ({Phase.DIFFUSING: 90.0} if diffusing else {Phase.DECODING: 5.0})


def _generate_tokens(model: MusicGen, request: MusicRequest, meter: ProgressMeter) -> torch.Tensor:
    """The tokens [1, K, T]; every step is counted and may be the last."""
    model.set_generation_params(
        use_sampling=request.temperature >= GREEDY_BELOW,
        temperature=request.temperature,
        top_k=min(request.top_k, model.lm.card),
        top_p=request.top_p,
        cfg_coef=request.cfg_coef,
        duration=request.duration,
    )
    steps = count_steps(
        request.duration,
        frame_rate=model.frame_rate,
        max_duration_s=model.max_duration,
        stride_s=model.extend_stride or model.max_duration,
        max_delay=max(getattr(model.lm.pattern_provider, "delays", [0])),
    )
    meter.enter(Phase.GENERATING, steps)
    model.set_custom_progress_callback(lambda done, total: meter.step())
    torch.manual_seed(request.seed)
    try:
        attributes, _ = model._prepare_tokens_and_attributes([_plain_text(model, request.description)], None)
        return model._generate_tokens(attributes, None, progress=True)
    finally:
        model.set_custom_progress_callback(None)


def _plain_text(model: MusicGen, text: str) -> str:
    """`text` without the tokenizer's control tokens: a literal `</s>` would end the prompt, not stand in it.

    The tokenizer's own `split_special_tokens` does not help, because they are pieces of its vocabulary as well.
    """
    tokenizer: Any = model.lm.condition_provider.conditioners["description"].t5_tokenizer
    for token in tokenizer.all_special_tokens:
        text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def _encode(waveform: torch.Tensor, model: MusicGen, request: MusicRequest) -> Music:
    try:
        wav = encode_wav(waveform[0].float().cpu().numpy(), model.sample_rate, request.duration)
    except ValueError as error:
        raise GenerationFailed(f"{request.model} made no audio with these parameters: {error}.") from error
    return Music(wav, model.sample_rate, model.audio_channels)
