"""A checkpoint, read -> a model on a device.

Follows AudioCraft's loaders (models/loaders.py, 1.3.0), from which it differs in that no weight is initialised only to
be overwritten, and that melody models come without Demucs, which is loaded with the first melody (`melody`).

Whatever fails here fails with files that are whole and a configuration that was looked through (`checkpoint`): it is
about how they fit together, or about the device.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import demucs.pretrained
import torch
from audiocraft.models import builders
from audiocraft.models.encodec import CompressionModel, HFEncodecCompressionModel
from audiocraft.models.lm import LMModel
from audiocraft.models.lm_magnet import MagnetLMModel
from audiocraft.modules import conditioners
from audiocraft.modules.conditioners import ConditioningProvider, T5Conditioner
from omegaconf import DictConfig, open_dict

from musicgen_api.domain.errors import ModelDamaged, ModelError
from musicgen_api.domain.request import Monitor
from musicgen_api.engine import Engine
from musicgen_api.models import magnet
from musicgen_api.models.checkpoint import Checkpoint, fetch, naming
from musicgen_api.models.engine_weights import choose_precision, engine_for, why_not
from musicgen_api.models.fitting import building, require_finite, require_fit
from musicgen_api.models.loaded_model import LoadedModel
from musicgen_api.models.melody import MelodyConditioner
from musicgen_api.models.packages import Package, State
from musicgen_api.models.pretrained import (
    Source,
    name_of,
    place_of,
    read_codec,
    read_text_encoder,
    read_tokenizer,
    text_width,
)

warnings.filterwarnings("ignore", "`torch.nn.utils.weight_norm` is deprecated", FutureWarning)  # AudioCraft's codec

log = logging.getLogger(__name__)

_AUDIOGEN_SAMPLE_RATE = 16_000
_MUSICGEN_STRIDE_S, _AUDIOGEN_STRIDE_S = 18.0, 2.0
"""`extend_stride` by default (AudioCraft 1.3.0: models/musicgen.py, models/audiogen.py)."""

_TRAINING_ONLY = (
    "conditioners.self_wav.chroma_stem.cache_path",
    "conditioners.args.merge_text_conditions_p",
    "conditioners.args.drop_desc_p",
)
"""Keys of a training configuration that the models' constructors do not take."""


@dataclass(frozen=True)
class BackendChoice:
    """What generates, from the settings of the same names."""

    engine: str = "auto"
    precision: str = "auto"
    step: str = "auto"
    cuda_graphs: bool = True

    def against_engine(self, lm: LMModel) -> str | None:
        """Why AudioCraft must generate with this model, or None if the engine does.

        Raises:
            ModelError: the settings insist on the engine, and it cannot run the model.
        """
        if self.engine == "audiocraft":
            return "it was asked for"
        reason = why_not(lm)
        if reason is not None and self.engine == "engine":
            raise ModelError(f"The engine cannot run this model: {reason}. With MUSICGEN_ENGINE=auto AudioCraft does.")
        return reason


def load_musicgen(
    model_id: str, source: str, device: torch.device, monitor: Monitor, choice: BackendChoice | None = None
) -> LoadedModel:
    """`fetch`, then `build_musicgen`. Raises as these do."""
    return build_musicgen(model_id, fetch(model_id, source, monitor), device, monitor, choice)


def build_musicgen(
    model_id: str, checkpoint: Checkpoint, device: torch.device, monitor: Monitor, choice: BackendChoice | None = None
) -> LoadedModel:
    """Bring `checkpoint` onto `device`; `choice` says what generates with it.

    Raises:
        ModelDamaged: its parts do not fit, or a weight is not a number; the text names the file and the tensor.
        ModelError: the settings insist on the engine, and it cannot run the model.
        Cancelled: the job must stop; asked between the steps.
    """
    with naming(model_id):
        monitor.check()
        lm, engine = _build_language_model(checkpoint, device, choice or BackendChoice())
        monitor.check()
        codec = _build_codec(checkpoint.codec, device)
        monitor.check()
        with building(f"The model from {checkpoint.files}"):
            cfg: Any = lm.cfg
            codec = builders.get_wrapped_compression_model(codec, cfg).eval()
            window_s = float(cfg.dataset.segment_duration)
            model = LoadedModel(model_id, lm, codec, engine, window_s, _stride_s(cfg, window_s))
        _require_match(model, checkpoint)
        if isinstance(lm, MagnetLMModel):
            magnet.make_masks(lm, int(window_s * model.frame_rate), device)
    return model


def _stride_s(cfg: DictConfig, window_s: float) -> float:
    """Seconds by which AudioCraft moves the window of a longer piece: 2 of AudioGen's 10, 18 of MusicGen's 30.

    It has no rule for a MusicGen of shorter windows (its own `generate` fails then): here the share is the same.
    """
    if cfg.get("solver") == "audiogen" or cfg.get("sample_rate") == _AUDIOGEN_SAMPLE_RATE:
        return min(_AUDIOGEN_STRIDE_S, window_s / 2)
    return _MUSICGEN_STRIDE_S if window_s > _MUSICGEN_STRIDE_S else 0.6 * window_s


def _require_match(model: LoadedModel, checkpoint: Checkpoint) -> None:
    """Check that the codec is the one that the language model was made with, as far as their sizes tell."""
    cfg: Any = model.lm.cfg
    made_for = cfg.get("sample_rate")
    if made_for is not None and made_for != model.sample_rate:
        raise ModelDamaged(
            f"{checkpoint.files} do not belong together: the one is for audio at {made_for} Hz, the other at "
            f"{model.sample_rate} Hz."
        )
    codec = (model.compression_model.num_codebooks, model.compression_model.cardinality)
    language_model = (model.lm.num_codebooks, model.lm.card)
    if codec != language_model:
        raise ModelDamaged(
            f"{checkpoint.files} do not belong together: the one writes {language_model[0]} codebooks of "
            f"{language_model[1]} entries, the other reads {codec[0]} of {codec[1]}."
        )


def _build_language_model(
    checkpoint: Checkpoint, device: torch.device, choice: BackendChoice
) -> tuple[LMModel, Engine | None]:
    """AudioCraft's language model, and the engine in place of its transformer unless AudioCraft is to generate."""
    package = checkpoint.language_model
    cfg = _configuration_for(device, checkpoint)
    with building(f"The language model in {package.name}"):
        lm = _hollow_language_model(cfg, checkpoint.text_encoder)
    reason, engine = choice.against_engine(lm), None
    if reason is None:
        engine = _load_with_engine(lm, package, device, choice)
    else:
        log.info("AudioCraft itself generates: %s", reason)
        _assign(lm, package, device)
    lm.cfg = cfg
    # Guidance and sampling in fp32: in fp16 a small temperature or a strong guidance overflows, and on CUDA the NaN
    # that follows is an assertion in the device, which no process survives. The engine does so by itself.
    lm.register_forward_hook(lambda module, inputs, logits: logits.float())
    return lm.eval(), engine


def _configuration_for(device: torch.device, checkpoint: Checkpoint) -> Any:
    cfg: Any = copy.deepcopy(checkpoint.language_model.config)
    with open_dict(cfg):
        cfg.device = str(device)
        cfg.dtype = "float32" if device.type == "cpu" else "float16"
    for key in _TRAINING_ONLY:
        _delete(cfg, key)
    magnet.complete_configuration(cfg)
    with building(f"The text encoder in {place_of(checkpoint.text_encoder)}"):
        cfg.conditioners.description.t5.name = _register_text_encoder(checkpoint.text_encoder)
    return cfg


def _hollow_language_model(cfg: DictConfig, text_encoder: Source) -> LMModel:
    """The model with real conditioners, all else on `meta`: no weight is initialised only to be overwritten."""
    with _no_stem_separator(), _text_encoder_read_from(text_encoder):
        provider = builders.get_conditioner_provider(cfg.transformer_lm.dim, cfg).to(cfg.device)
    if "self_wav" in provider.conditioners:  # as MusicGen.get_pretrained does; it matters without a melody too
        melody: Any = provider.conditioners["self_wav"]
        melody.match_len_on_eval = True
        melody._use_masking = False
    hollow = copy.deepcopy(cfg)
    hollow.device = "meta"
    with torch.device("meta"), _replaced(builders, "get_conditioner_provider", lambda *_: ConditioningProvider({})):
        lm = builders.get_lm_model(hollow)
    lm.condition_provider = provider
    return lm


@contextmanager
def _text_encoder_read_from(source: Source) -> Iterator[None]:
    """AudioCraft's conditioner reads tokenizer and encoder by a name; here they are read from `source`."""

    class Tokenizer:
        from_pretrained = staticmethod(lambda name: read_tokenizer(source))

    class Encoder:
        from_pretrained = staticmethod(lambda name: read_text_encoder(source))

    with _replaced(conditioners, "T5Tokenizer", Tokenizer), _replaced(conditioners, "T5EncoderModel", Encoder):
        yield


def _load_with_engine(lm: LMModel, package: Package, device: torch.device, choice: BackendChoice) -> Engine:
    """Give the conditioners their weights and the engine the rest; the transformer itself stays hollow."""
    require_fit(lm, package)
    require_finite(package.name, package.stored)
    own = "condition_provider."
    lm.condition_provider.load_state_dict(
        {name.removeprefix(own): tensor for name, tensor in package.state.items() if name.startswith(own)}
    )
    precision = choose_precision(choice.precision, lm.dim, device)
    engine = engine_for(lm, package.state, precision, device, step=choice.step, cuda_graphs=choice.cuda_graphs)
    log.info("the engine generates in %s", precision)
    return engine


def _assign(module: torch.nn.Module, package: Package, device: torch.device) -> None:
    """Make the package's tensors the module's own, in its dtypes; copied only where they differ."""
    require_fit(module, package)
    require_finite(package.name, package.stored)
    dtypes = {name: tensor.dtype for name, tensor in module.state_dict().items()}
    state: State = {name: tensor.to(device, dtypes[name]) for name, tensor in package.state.items()}
    module.load_state_dict(state, assign=True)
    module.requires_grad_(False)


def _build_codec(source: Package | Source, device: torch.device) -> CompressionModel:
    if not isinstance(source, Package):
        model = read_codec(source)
        with building(f"The codec in {place_of(source)}"):
            return HFEncodecCompressionModel(model).to(device).eval()
    cfg = copy.deepcopy(source.config)
    with building(f"The codec in {source.name}"), open_dict(cfg), torch.device("meta"):
        cfg.device = "meta"
        codec = builders.get_compression_model(cfg)
    _assign(codec, source, device)
    return codec.eval()


def _register_text_encoder(source: Source) -> str:
    """T5Conditioner accepts the names in its own lists only; a folder is a name like any other."""
    name = name_of(source)
    if name not in T5Conditioner.MODELS:
        T5Conditioner.MODELS.append(name)
    T5Conditioner.MODELS_DIMS[name] = text_width(source)
    return name


@contextmanager
def _no_stem_separator() -> Iterator[None]:
    """ChromaStemConditioner downloads Demucs when it is made. Ours never calls it."""

    class NoSeparator(torch.nn.Module):
        sources = ("drums", "bass", "other", "vocals")

    without_demucs = _replaced(demucs.pretrained, "get_model", lambda name: NoSeparator())
    with without_demucs, _replaced(builders, "ChromaStemConditioner", MelodyConditioner):
        yield


@contextmanager
def _replaced(module: ModuleType, name: str, value: object) -> Iterator[None]:
    """Replace a function of AudioCraft's that cannot be replaced by an argument, and restore it afterwards."""
    original = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, original)


def _delete(cfg: DictConfig, key: str) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        if parent not in cfg:
            return
        cfg = cfg[parent]
    with open_dict(cfg):
        cfg.pop(last, None)
