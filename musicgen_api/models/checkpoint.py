"""All files of a model, found or downloaded, recognised and read: everything that can be known before it is built.

Follows AudioCraft's loaders (models/loaders.py, 1.3.0) and its export (utils/export.py), from which it differs in that
the text encoder and a codec that is only named may lie beside the checkpoint, and that nothing is fetched without
progress. Needs little memory: a model that is loaded can stay until this has gone well.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from musicgen_api.domain.errors import HubBusy, ModelDamaged, ModelError, ModelNotFound
from musicgen_api.domain.request import Monitor
from musicgen_api.models import hub
from musicgen_api.models.catalog import BUNDLED_FOLDER
from musicgen_api.models.configurations import check_codec, check_language_model
from musicgen_api.models.file_formats import Format, is_folder, read_json, recognise, unreadable
from musicgen_api.models.packages import Package, read_package

LANGUAGE_MODEL, CODEC = "state_dict.bin", "compression_state_dict.bin"

_TOKENIZERS = ("tokenizer.json", "spiece.model")
_JSON_FILES = (
    *("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("model.safetensors.index.json", "pytorch_model.bin.index.json"),
)
_TRAINING_FILES = ("checkpoint.th", "checkpoint_best.th")
_DAC = ("dac_44khz", "dac_24khz")
"""Codecs that AudioCraft knows by name; none of them makes audio at 32 kHz."""


@dataclass(frozen=True)
class Checkpoint:
    """All files of a model, on this machine, looked through. Weights are mapped into memory where possible."""

    language_model: Package
    codec: Package | Path
    """What AudioCraft exported, or the folder of a transformers EnCodec."""
    text_encoder: Path


def fetch(model_id: str, source: str, monitor: Monitor) -> Checkpoint:
    """Find or download everything that the model at `source` (a folder or a hub id) is made of, and look it through.

    Raises:
        ModelOffline, ModelNotFound, HubBusy, ModelError: a file cannot be had.
        ModelDamaged: a file is not what it must be; the text names it, and the key or tensor.
        Cancelled: the job must stop; asked between the steps and while downloading.
    """
    with naming(model_id):
        files = _Files(source, hub.Downloads(model_id, monitor))
        language_model = files.package(LANGUAGE_MODEL)
        if isinstance(language_model, str):
            raise ModelDamaged(f"{LANGUAGE_MODEL} only names a codec; it and {CODEC} may be exchanged.")
        check_language_model(language_model)
        monitor.check()
        codec = files.codec()
        monitor.check()
        name = str(language_model.config.conditioners.description.t5.name)
        return Checkpoint(language_model, codec, files.text_encoder(name))


@contextmanager
def naming(model_id: str) -> Iterator[None]:
    """Begin the texts of errors with the model that they are about."""
    try:
        yield
    except HubBusy as error:
        raise HubBusy(f"{model_id} could not be loaded: {error.message}", error.retry_after_s) from error
    except ModelError as error:
        raise type(error)(f"{model_id} could not be loaded: {error.message}") from error


class _Files:
    """The files of one checkpoint: in its folder, or on the hub."""

    def __init__(self, source: str, downloads: hub.Downloads) -> None:
        """Take a folder or a hub id."""
        named_by = "" if source == str(BUNDLED_FOLDER) else "MUSICGEN_MODELS"
        self._folder = Path(source) if is_folder(source, "Its folder", named_by) else None
        self._named_by = named_by if self._folder else hub.cache_setting(checkpoint=True)
        self._source = source
        self._downloads = downloads

    def package(self, name: str) -> Package | str:
        """`name`, read."""
        return read_package(self._file(name), self._named_by)

    def codec(self) -> Package | Path:
        """The codec: in its file, or where that file points."""
        package = self.package(CODEC)
        if isinstance(package, str):
            return self._pretrained_codec(package)
        check_codec(package)
        return package

    def text_encoder(self, name: str) -> Path:
        """The folder of the T5 that the checkpoint calls `name`: beside the checkpoint, else on the hub."""
        beside = self._beside(name)
        if beside is not None and beside.is_dir():
            return _looked_through(beside, self._named_by, tokenizer=True)
        folder = hub.text_encoder_folder(name, self._downloads)
        return _looked_through(folder, hub.cache_setting(), tokenizer=True)

    def _pretrained_codec(self, name: str) -> Package | Path:
        """The codec `name`: beside the checkpoint as a folder or a file, else on the hub."""
        if name in _DAC:
            raise ModelError(
                f"Its codec is {name}, which is not supported; a MusicGen's codec is an EnCodec at 32 kHz."
            )
        beside = self._beside(name)
        if beside is None:
            return _looked_through(hub.codec_folder(name, self._downloads), hub.cache_setting())
        if beside.is_dir() and not (beside / CODEC).is_file():
            return _looked_through(beside, self._named_by)
        package = read_package(beside / CODEC if beside.is_dir() else beside, self._named_by)
        if isinstance(package, str):
            raise ModelDamaged(f"{CODEC} points at {beside.name}, which points at {Path(package).name} in its turn.")
        check_codec(package)
        return package

    def _beside(self, name: str) -> Path | None:
        """What a checkpoint in a folder may mean by `name`, if it is there: relative to it, by its last part, absolute.

        A checkpoint of the hub is not the operator's own file: it cannot mean anything on this machine.
        """
        if self._folder is None:
            return None
        candidates = (self._folder / name, self._folder / Path(name).name)
        return next((path for path in candidates if _exists(path, self._named_by)), None)

    def _file(self, name: str) -> Path:
        if self._folder is None:
            return self._download(name)
        path = self._folder / name
        if not _exists(path, self._named_by):
            raise ModelNotFound(f"{name} is missing in its folder{self._what_else_is_there(self._folder)}.")
        return path

    def _download(self, name: str) -> Path:
        if os.path.isfile(self._source):
            raise ModelNotFound("MUSICGEN_MODELS names a file; it must name the folder that the file lies in.")
        try:
            return hub.checkpoint_file(self._source, name, self._downloads)
        except ModelNotFound as error:
            if name != LANGUAGE_MODEL:
                raise
            config = hub.optional_file(self._source, "config.json", self._downloads)
            folder = None if config is None else config.parent
            raise ModelNotFound(f"{error.message[:-1]}{self._what_else_is_there(folder)}.") from error

    def _what_else_is_there(self, folder: Path | None) -> str:
        """The rest of a sentence about a file that is missing: what the folder holds in its stead."""
        if folder is None:
            return ""
        if any((folder / name).is_file() for name in _TRAINING_FILES):
            return (
                f"; it holds a checkpoint of AudioCraft's training. Export it with audiocraft.utils.export: "
                f"export_lm makes {LANGUAGE_MODEL}, export_pretrained_compression_model makes {CODEC}"
            )
        if (folder / "config.json").is_file():
            kind = read_json(folder / "config.json", self._named_by).get("model_type")
            if isinstance(kind, str) and kind.startswith("musicgen"):
                return (
                    f"; this is a model in transformers' format (config.json says {kind}), which the service does not "
                    f"read. It needs AudioCraft's {LANGUAGE_MODEL} and {CODEC}, as facebook/musicgen-small has them"
                )
        return ""


def _exists(path: Path, named_by: str) -> bool:
    try:
        return path.exists()
    except PermissionError as error:
        raise unreadable(error, path.name, named_by) from error
    except OSError:  # no name that a file could have
        return False


def _looked_through(folder: Path, named_by: str, *, tokenizer: bool = False) -> Path:
    """`folder`, in transformers' format, once each file of it that transformers will read is what its name says.

    Raises:
        ModelDamaged: a file is missing or is something else; the text names it.
        ModelError: it may not be read.
    """
    try:
        names = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise unreadable(error, f"The folder {folder.name}", named_by) from error
    with _inside(folder):
        for name in names.intersection(_JSON_FILES):
            read_json(folder / name, named_by)
        if "config.json" not in names:
            raise ModelDamaged("config.json is missing")
        if tokenizer and not names.intersection(_TOKENIZERS):  # transformers would make up a useless one
            raise ModelDamaged(f"its tokenizer ({' or '.join(_TOKENIZERS)}) is missing")
        for name in names.intersection(_TOKENIZERS):
            recognise(folder / name, named_by)
        _require_weights(folder, names, named_by)
    return folder


def _require_weights(folder: Path, names: set[str], named_by: str) -> None:
    """Look at the weights: safetensors where there are any, else torch's files, as transformers chooses."""
    safetensors = sorted(name for name in names if name.endswith(".safetensors"))
    weights = safetensors or sorted(
        name for name in names if name.startswith("pytorch_model") and name.endswith(".bin")
    )
    if not weights:
        raise ModelDamaged("model.safetensors is missing")
    expected = (Format.SAFETENSORS,) if safetensors else (Format.TORCH, Format.OLD_TORCH)
    for name in weights:
        form = recognise(folder / name, named_by)
        if form not in expected:
            raise ModelDamaged(f"{name} is in {form}; it must be in {expected[0]}")


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Say in errors which folder they are about, by its last name; a hub's snapshot is called by its commit."""
    in_cache = folder.parent.name == "snapshots"
    name = folder.parents[1].name.replace("models--", "").replace("--", "/") if in_cache else folder.name
    try:
        yield
    except ModelError as error:
        raise type(error)(f"in {name}, {error.message.removesuffix('.')}.") from error
