"""Checkpoint files -> a MusicGen. Follows AudioCraft's loaders (models/loaders.py, 1.3.0), from which it differs in
that the text encoder may lie beside the checkpoint, that nothing is fetched without progress, and that the stem
separator of melody models, which text-to-music never uses, is not downloaded.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import transformers
from audiocraft.models import builders
from audiocraft.models.encodec import CompressionModel, HFEncodecCompressionModel
from audiocraft.models.lm import LMModel
from audiocraft.models.musicgen import MusicGen
from audiocraft.modules.conditioners import T5Conditioner
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException
from transformers import AutoConfig, EncodecModel

from musicgen_api.errors import ModelDamaged
from musicgen_api.synthesis import hub
from musicgen_api.synthesis.request import Monitor

transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
warnings.filterwarnings("ignore", "`torch.nn.utils.weight_norm` is deprecated", FutureWarning)  # AudioCraft's codec

SAMPLE_RATE = 32_000
"""In Hz; every MusicGen's, and what the documents promise."""

_TRAINING_ONLY = (
    "conditioners.self_wav.chroma_stem.cache_path",
    "conditioners.args.merge_text_conditions_p",
    "conditioners.args.drop_desc_p",
)
"""Keys of a training configuration that the models' constructors do not take."""


@dataclass(frozen=True)
class Checkpoint:
    """All files of a model, on this machine. The packages are mapped into memory, not read."""

    language_model: dict[str, Any]
    codec: dict[str, Any]
    text_encoder: Path
    codec_folder: Path | None  # of a transformers EnCodec, where the checkpoint only points at one


def load_musicgen(model_id: str, source: str, device: torch.device, monitor: Monitor) -> MusicGen:
    """Load the checkpoint at `source` (a folder or a hub id) onto `device`.

    Raises:
        ModelOffline, ModelNotFound, ModelError: its files cannot be had.
        ModelDamaged: its files are no MusicGen checkpoint, or broken.
        Cancelled: the job must stop; asked between the steps and while downloading.
    """
    checkpoint = fetch(model_id, source, monitor)
    with _damage_explained(model_id):
        monitor.check()
        lm = _build_language_model(checkpoint, device)
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
    lm_file = hub.checkpoint_file(source, "state_dict.bin", downloads)
    codec_file = hub.checkpoint_file(source, "compression_state_dict.bin", downloads)
    with _damage_explained(model_id):
        lm, codec = _read_package(lm_file), _read_package(codec_file)
        text_encoder = OmegaConf.create(lm["xp.cfg"]).conditioners.description.t5.name
    return Checkpoint(
        language_model=lm,
        codec=codec,
        text_encoder=hub.text_encoder_folder(text_encoder, source, downloads),
        codec_folder=hub.codec_folder(codec["pretrained"], downloads) if "pretrained" in codec else None,
    )


def _build_language_model(checkpoint: Checkpoint, device: torch.device) -> LMModel:
    cfg = OmegaConf.create(checkpoint.language_model["xp.cfg"])
    cfg.device = str(device)
    cfg.dtype = "float32" if device.type == "cpu" else "float16"
    for key in _TRAINING_ONLY:
        _delete(cfg, key)
    cfg.conditioners.description.t5.name = _register_text_encoder(checkpoint.text_encoder)
    with _no_stem_separator():
        lm = builders.get_lm_model(cfg)
    lm.load_state_dict(checkpoint.language_model["best_state"])
    lm.cfg = cfg
    # Guidance and sampling in fp32: in fp16 a small temperature or a strong guidance overflows, and on CUDA the NaN
    # that follows is an assertion in the device, which no process survives.
    lm.register_forward_hook(lambda module, inputs, logits: logits.float())
    return lm.eval()


def _build_codec(checkpoint: Checkpoint, device: torch.device) -> CompressionModel:
    if checkpoint.codec_folder is not None:
        return HFEncodecCompressionModel(EncodecModel.from_pretrained(checkpoint.codec_folder)).to(device).eval()
    cfg = OmegaConf.create(checkpoint.codec["xp.cfg"])
    cfg.device = str(device)
    codec = builders.get_compression_model(cfg)
    codec.load_state_dict(checkpoint.codec["best_state"])
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

    with mock.patch("demucs.pretrained.get_model", lambda name: NoSeparator()):
        yield


@contextmanager
def _damage_explained(model_id: str) -> Iterator[None]:
    try:
        yield
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, AttributeError, AssertionError) as error:
        raise ModelDamaged(
            f"{model_id} could not be loaded: its files are damaged or no MusicGen checkpoint."
        ) from error
    except (OmegaConfBaseException, OSError, ValueError) as error:
        raise ModelDamaged(
            f"{model_id} could not be loaded: its files are damaged or no MusicGen checkpoint."
        ) from error
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError | torch.AcceleratorError) or "allocate memory" in str(error):
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
