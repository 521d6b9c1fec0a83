"""Checkpoint files -> a MusicGen. Follows AudioCraft's loaders (models/loaders.py, 1.3.0), from which it differs in
that the text encoder may lie beside the checkpoint, that nothing is fetched without progress, and that the stem
separator of melody models, which text-to-music never uses, is not downloaded.
"""

from __future__ import annotations

import copy
import logging
import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import demucs.pretrained
import torch
import transformers
from audiocraft.models import builders
from audiocraft.models.encodec import CompressionModel, HFEncodecCompressionModel
from audiocraft.models.lm import LMModel
from audiocraft.models.musicgen import MusicGen
from audiocraft.modules.conditioners import ConditioningProvider, T5Conditioner
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException
from safetensors import SafetensorError
from transformers import AutoConfig, EncodecModel
from yaml import YAMLError

from musicgen_api.errors import ModelDamaged, ModelError
from musicgen_api.synthesis import hub
from musicgen_api.synthesis.decoding import State, attach_engine, choose_precision, why_not
from musicgen_api.synthesis.failures import is_device_failure
from musicgen_api.synthesis.request import Monitor

transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
warnings.filterwarnings("ignore", "`torch.nn.utils.weight_norm` is deprecated", FutureWarning)  # AudioCraft's codec

log = logging.getLogger(__name__)

SAMPLE_RATE = 32_000
"""In Hz; every MusicGen's, and what the documents promise."""

_TRAINING_ONLY = (
    "conditioners.self_wav.chroma_stem.cache_path",
    "conditioners.args.merge_text_conditions_p",
    "conditioners.args.drop_desc_p",
)
"""Keys of a training configuration that the models' constructors do not take."""

_DAMAGE = (
    *(pickle.UnpicklingError, YAMLError, OmegaConfBaseException, SafetensorError, OSError, EOFError),
    *(AssertionError, AttributeError, KeyError, TypeError, ValueError),
)
"""What the readers of broken files raise, and the builders of models for what the files do not hold."""


@dataclass(frozen=True)
class Checkpoint:
    """All files of a model, on this machine. The packages are mapped into memory, not read."""

    language_model: dict[str, Any]
    codec: dict[str, Any]
    text_encoder: Path
    codec_folder: Path | None  # of a transformers EnCodec, where the checkpoint only points at one


@dataclass(frozen=True)
class DecodingChoice:
    """What is to decode, from the settings of the same names."""

    engine: str = "auto"
    precision: str = "auto"
    cuda_graphs: bool = True

    def against_engine(self, lm: LMModel) -> str | None:
        """Why AudioCraft is to decode this model, or None if the engine is.

        Raises:
            ModelError: the engine was asked for and cannot.
        """
        if self.engine == "audiocraft":
            return "it was asked for"
        reason = why_not(lm)
        if reason is not None and self.engine == "engine":
            raise ModelError(
                f"The engine cannot decode this model: {reason}. With MUSICGEN_ENGINE=auto AudioCraft does."
            )
        return reason


def load_musicgen(
    model_id: str, source: str, device: torch.device, monitor: Monitor, choice: DecodingChoice | None = None
) -> MusicGen:
    """Load the checkpoint at `source` (a folder or a hub id) onto `device`, decoded as `choice` says.

    Raises:
        ModelOffline, ModelNotFound, ModelError: its files cannot be had.
        ModelDamaged: its files are no MusicGen checkpoint, or broken.
        Cancelled: the job must stop; asked between the steps and while downloading.
    """
    checkpoint = fetch(model_id, source, monitor)
    with _failures_explained(model_id):
        monitor.check()
        lm = _build_language_model(checkpoint, device, choice or DecodingChoice())
        monitor.check()
        codec = _build_codec(checkpoint, device)
        monitor.check()
        model = MusicGen(model_id, codec, lm)
    if model.sample_rate != SAMPLE_RATE:
        raise ModelDamaged(f"{model_id} makes audio at {model.sample_rate} Hz; a MusicGen makes {SAMPLE_RATE} Hz.")
    return model


def fetch(model_id: str, source: str, monitor: Monitor) -> Checkpoint:
    """Find or download everything that the model at `source` is made of. Raises as `load_musicgen` does."""
    downloads = hub.Downloads(model_id, monitor)
    with _failures_explained(model_id):
        lm = _read_package(hub.checkpoint_file(source, "state_dict.bin", downloads))
        codec = _read_package(hub.checkpoint_file(source, "compression_state_dict.bin", downloads))
        text_encoder = OmegaConf.create(lm["xp.cfg"]).conditioners.description.t5.name
        return Checkpoint(
            language_model=lm,
            codec=codec,
            text_encoder=hub.text_encoder_folder(text_encoder, source, downloads),
            codec_folder=hub.codec_folder(codec["pretrained"], downloads) if "pretrained" in codec else None,
        )


def _build_language_model(checkpoint: Checkpoint, device: torch.device, choice: DecodingChoice) -> LMModel:
    cfg = OmegaConf.create(checkpoint.language_model["xp.cfg"])
    cfg.device = str(device)
    cfg.dtype = "float32" if device.type == "cpu" else "float16"
    for key in _TRAINING_ONLY:
        _delete(cfg, key)
    cfg.conditioners.description.t5.name = _register_text_encoder(checkpoint.text_encoder)
    state = checkpoint.language_model["best_state"]
    lm = _hollow_language_model(cfg)
    reason = choice.against_engine(lm)
    if reason is None:
        _load_with_engine(lm, state, device, choice)
    else:
        log.info("AudioCraft's own decoding is used: %s", reason)
        _assign(lm, state, device)
    lm.cfg = cfg
    # Guidance and sampling in fp32: in fp16 a small temperature or a strong guidance overflows, and on CUDA the NaN
    # that follows is an assertion in the device, which no process survives. The engine does so by itself.
    lm.register_forward_hook(lambda module, inputs, logits: logits.float())
    return lm.eval()


def _hollow_language_model(cfg: DictConfig) -> LMModel:
    """The model with real conditioners, all else on `meta`: no weight is initialised only to be overwritten."""
    with _no_stem_separator():
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


def _load_with_engine(lm: LMModel, state: State, device: torch.device, choice: DecodingChoice) -> None:
    """Give the conditioners their weights and the engine the rest; the transformer itself stays hollow."""
    _require_fit(lm, state)
    own = "condition_provider."
    lm.condition_provider.load_state_dict(
        {name.removeprefix(own): tensor for name, tensor in state.items() if name.startswith(own)}
    )
    precision = choose_precision(choice.precision, lm.dim, device)
    attach_engine(lm, state, precision, device, cuda_graphs=choice.cuda_graphs)
    log.info("the engine decodes in %s", precision)


def _require_fit(module: torch.nn.Module, state: State) -> None:
    expected = {name: tensor.shape for name, tensor in module.state_dict().items()}
    if expected != {name: tensor.shape for name, tensor in state.items()}:
        raise RuntimeError("the weights do not fit the configuration")


def _assign(module: torch.nn.Module, state: State, device: torch.device) -> None:
    """Make the tensors of `state` the module's own, in its dtypes; copied only where they differ."""
    _require_fit(module, state)
    dtypes = {name: tensor.dtype for name, tensor in module.state_dict().items()}
    module.load_state_dict({name: tensor.to(device, dtypes[name]) for name, tensor in state.items()}, assign=True)
    module.requires_grad_(False)


def _build_codec(checkpoint: Checkpoint, device: torch.device) -> CompressionModel:
    if checkpoint.codec_folder is not None:
        return HFEncodecCompressionModel(EncodecModel.from_pretrained(checkpoint.codec_folder)).to(device).eval()
    cfg = OmegaConf.create(checkpoint.codec["xp.cfg"])
    cfg.device = "meta"
    with torch.device("meta"):
        codec = builders.get_compression_model(cfg)
    _assign(codec, checkpoint.codec["best_state"], device)
    return codec.eval()


def _read_package(file: Path) -> dict[str, Any]:
    package = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    if not isinstance(package, dict):
        raise TypeError(f"{file.name} holds a {type(package).__name__}")
    return package


def _register_text_encoder(folder: Path) -> str:
    """T5Conditioner accepts the names in its own lists only; a folder is a name like any other."""
    if not any((folder / name).is_file() for name in ("spiece.model", "tokenizer.json")):
        raise ModelDamaged("The text encoder has no tokenizer.")  # transformers would make up a useless one
    name = str(folder)
    if name not in T5Conditioner.MODELS:
        T5Conditioner.MODELS.append(name)
    T5Conditioner.MODELS_DIMS[name] = AutoConfig.from_pretrained(folder).d_model
    return name


@contextmanager
def _no_stem_separator() -> Iterator[None]:
    """ChromaStemConditioner downloads demucs when it is made. Without a melody it is never called."""

    class NoSeparator(torch.nn.Module):
        sources = ("drums", "bass", "other", "vocals")

    with _replaced(demucs.pretrained, "get_model", lambda name: NoSeparator()):
        yield


@contextmanager
def _replaced(module: ModuleType, name: str, value: object) -> Iterator[None]:
    """A function of AudioCraft's that takes no argument for it is another one meanwhile."""
    original = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, original)


@contextmanager
def _failures_explained(model_id: str) -> Iterator[None]:
    """Whatever broken files make of the loaders, as an error that names the model."""
    try:
        yield
    except ModelError as error:
        raise type(error)(f"{model_id} could not be loaded: {error.message}") from error
    except _DAMAGE as error:
        raise ModelDamaged(
            f"{model_id} could not be loaded: its files are damaged or no MusicGen checkpoint."
        ) from error
    except RuntimeError as error:
        if is_device_failure(error):
            raise
        raise ModelDamaged(f"{model_id} could not be loaded: its weights do not fit its configuration.") from error


def _delete(cfg: DictConfig, key: str) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        if parent not in cfg:
            return
        cfg = cfg[parent]
    with open_dict(cfg):
        cfg.pop(last, None)
