"""All files of a model, found or downloaded, recognised and read: everything that can be known before it is built.

A checkpoint is what AudioCraft exports (utils/export.py, 1.3.0), or a MusicGen in transformers' format. Follows
AudioCraft's loaders (models/loaders.py), from which it differs in that the text encoder and a codec that is only named
may lie beside the checkpoint, and that nothing is fetched without progress. Needs little memory: a model that is loaded
can stay until this has gone well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from musicgen_api.domain.errors import HubBusy, ModelDamaged, ModelError, ModelNotFound
from musicgen_api.domain.request import Monitor
from musicgen_api.models import hub
from musicgen_api.models.checkpoint_files import CODEC, LANGUAGE_MODEL, Files
from musicgen_api.models.configurations import check_language_model
from musicgen_api.models.packages import Package
from musicgen_api.models.pretrained import Part, Source
from musicgen_api.models.tensor_files import read_tensors
from musicgen_api.models.transformers_format import convert


@dataclass(frozen=True)
class Checkpoint:
    """All files of a model, on this machine, looked through. Weights are mapped into memory where possible."""

    language_model: Package
    codec: Package | Source
    """What AudioCraft exported, or a transformers EnCodec."""
    text_encoder: Source

    @property
    def files(self) -> str:
        """Language model and codec, by the names of their files, for a sentence."""
        if isinstance(self.codec, Part):
            return "decoder and audio_encoder in config.json"
        return f"{LANGUAGE_MODEL} and {CODEC}"


def fetch(model_id: str, source: str, monitor: Monitor) -> Checkpoint:
    """Find or download everything that the model at `source` (a folder or a hub id) is made of, and look it through.

    Raises:
        ModelOffline, ModelNotFound, HubBusy, ModelError: a file cannot be had.
        ModelDamaged: a file is not what it must be; the text names it, and the key or tensor.
        Cancelled: the job must stop; asked between the steps and while downloading.
    """
    with naming(model_id):
        files = Files(source, hub.Downloads(model_id, monitor))
        try:
            language_model = files.package(LANGUAGE_MODEL)
        except ModelNotFound as missing:
            if not files.are_transformers():
                raise ModelNotFound(f"{missing.message[:-1]}{files.what_else_is_there()}.") from missing
            return _of_transformers(files, monitor)
        return _of_audiocraft(files, language_model, monitor)


def _of_audiocraft(files: Files, language_model: Package | str, monitor: Monitor) -> Checkpoint:
    if isinstance(language_model, str):
        raise ModelDamaged(f"{LANGUAGE_MODEL} only names a codec; it and {CODEC} may be exchanged.")
    check_language_model(language_model)
    monitor.check()
    codec = files.codec()
    monitor.check()
    name = str(language_model.config.conditioners.description.t5.name)
    return Checkpoint(language_model, codec, files.text_encoder(name))


def _of_transformers(files: Files, monitor: Monitor) -> Checkpoint:
    main, weights = files.weights()
    monitor.check()
    tensors = read_tensors(main, weights, files.named_by)
    return Checkpoint(*convert(files.tokenizer_folder(), tensors, files.named_by))


@contextmanager
def naming(model_id: str) -> Iterator[None]:
    """Begin the texts of errors with the model that they are about."""
    try:
        yield
    except HubBusy as error:
        raise HubBusy(f"{model_id} could not be loaded: {error.message}", error.retry_after_s) from error
    except ModelError as error:
        raise type(error)(f"{model_id} could not be loaded: {error.message}") from error
