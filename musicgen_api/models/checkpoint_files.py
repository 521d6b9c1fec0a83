"""The files of one checkpoint, in its folder or on the hub, each recognised before anything reads it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from musicgen_api.domain.errors import HubBusy, ModelDamaged, ModelError, ModelNotFound
from musicgen_api.models import hub
from musicgen_api.models.catalog import BUNDLED_FOLDER
from musicgen_api.models.configurations import check_codec
from musicgen_api.models.file_formats import Format, is_folder, read_json, recognise, unreadable
from musicgen_api.models.packages import Package, read_package
from musicgen_api.models.tensor_files import WEIGHT_FILES, shards_of
from musicgen_api.models.transformers_format import KINDS

LANGUAGE_MODEL, CODEC, CONFIG = "state_dict.bin", "compression_state_dict.bin", "config.json"

_TOKENIZERS = ("tokenizer.json", "spiece.model")
_JSON_FILES = (
    *("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("model.safetensors.index.json", "pytorch_model.bin.index.json"),
)
_TRAINING_FILES = ("checkpoint.th", "checkpoint_best.th")
_ADAPTER = "adapter_config.json"
_DAC = ("dac_44khz", "dac_24khz")
"""Codecs that AudioCraft knows by name; none of them is an EnCodec."""


class Files:
    """The files of one checkpoint: in its folder, or on the hub."""

    def __init__(self, source: str, downloads: hub.Downloads) -> None:
        """Take a folder or a hub id."""
        named_by = "" if source == str(BUNDLED_FOLDER) else "MUSICGEN_MODELS"
        self._folder = Path(source) if is_folder(source, "Its folder", named_by) else None
        self.named_by = named_by if self._folder else hub.cache_setting(checkpoint=True)
        """The setting that names their place, for errors."""
        self._source = source
        self._downloads = downloads

    def package(self, name: str) -> Package | str:
        """`name`, read."""
        return read_package(self._file(name), self.named_by)

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
            return _looked_through(beside, self.named_by, tokenizer=True)
        folder = hub.text_encoder_folder(name, self._downloads)
        return _looked_through(folder, hub.cache_setting(), tokenizer=True)

    def are_transformers(self) -> bool:
        """Whether this is a MusicGen in transformers' format, of which there is no `LANGUAGE_MODEL`."""
        return self._kind() in KINDS

    def weights(self) -> tuple[Path, list[Path]]:
        """The file of a checkpoint in transformers' format that holds or lists its weights, and those that hold them.

        Raises:
            ModelNotFound: one of them is missing.
        """
        main = self._first_of(WEIGHT_FILES)
        return main, [self._file(name) for name in shards_of(main, self.named_by)]

    def tokenizer_folder(self) -> Path:
        """The folder of a checkpoint in transformers' format, with the tokenizer in it."""
        folder = self._file(CONFIG).parent
        if self._folder is None:
            with suppress(ModelNotFound):
                hub.checkpoint_tokenizer(self._source, self._downloads)
        names = {path.name for path in folder.iterdir()}
        for name in names.intersection(_JSON_FILES):
            read_json(folder / name, self.named_by)
        if not names.intersection(_TOKENIZERS):
            raise ModelDamaged(
                f"Its tokenizer ({' or '.join(_TOKENIZERS)}) is missing. It is that of its text encoder: save "
                f"transformers' AutoProcessor beside the model."
            )
        for name in names.intersection(_TOKENIZERS):
            recognise(folder / name, self.named_by)
        return folder

    def what_else_is_there(self) -> str:
        """The rest of a sentence about `LANGUAGE_MODEL`, which is missing: what there is in its stead."""
        if self._folder is not None and any((self._folder / name).is_file() for name in _TRAINING_FILES):
            return (
                f"; it holds a checkpoint of AudioCraft's training. Export it with audiocraft.utils.export: "
                f"export_lm makes {LANGUAGE_MODEL}, export_pretrained_compression_model makes {CODEC}"
            )
        if self._optional(_ADAPTER) is not None:
            return (
                "; this is an adapter of PEFT, which holds the differences from another model. Merge the two by "
                "merge_and_unload(), then save_pretrained() makes a model that can be loaded"
            )
        kind = self._kind()
        if kind is not None and kind.startswith("musicgen"):
            return (
                f"; this is a model in transformers' format of a kind that is not supported (config.json says {kind}). "
                f"It needs AudioCraft's {LANGUAGE_MODEL} and {CODEC}, as facebook/musicgen-small has them"
            )
        return ""

    def _kind(self) -> str | None:
        """What kind of transformers' models config.json says that this is, if it does."""
        config = self._optional(CONFIG)
        kind = None if config is None else read_json(config, self.named_by).get("model_type")
        return kind if isinstance(kind, str) else None

    def _optional(self, name: str) -> Path | None:
        """`name`, if it can be had."""
        with suppress(ModelError, HubBusy):
            return self._file(name)
        return None

    def _first_of(self, names: tuple[str, ...]) -> Path:
        """The first of `names` that is there."""
        if self._folder is None:
            try:
                return hub.checkpoint_first_of(self._source, names, self._downloads)
            except ModelNotFound as error:
                raise ModelNotFound(error.message.replace(names[-1], names[0])) from error
        for name in names:
            if _exists(self._folder / name, self.named_by):
                return self._folder / name
        raise ModelNotFound(f"{names[0]} is missing in its folder.")

    def _pretrained_codec(self, name: str) -> Package | Path:
        """The codec `name`: beside the checkpoint as a folder or a file, else on the hub."""
        if name in _DAC:
            raise ModelError(f"Its codec is {name}, which is not supported; a MusicGen's codec is an EnCodec.")
        beside = self._beside(name)
        if beside is None:
            return _looked_through(hub.codec_folder(name, self._downloads), hub.cache_setting())
        if beside.is_dir() and not (beside / CODEC).is_file():
            return _looked_through(beside, self.named_by)
        package = read_package(beside / CODEC if beside.is_dir() else beside, self.named_by)
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
        return next((path for path in candidates if _exists(path, self.named_by)), None)

    def _file(self, name: str) -> Path:
        if self._folder is not None:
            if not _exists(self._folder / name, self.named_by):
                raise ModelNotFound(f"{name} is missing in its folder.")
            return self._folder / name
        if os.path.isfile(self._source):
            raise ModelNotFound("MUSICGEN_MODELS names a file; it must name the folder that the file lies in.")
        return hub.checkpoint_file(self._source, name, self._downloads)


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
            raise ModelDamaged("config.json is missing.")
        if tokenizer and not names.intersection(_TOKENIZERS):  # transformers would make up a useless one
            raise ModelDamaged(f"its tokenizer ({' or '.join(_TOKENIZERS)}) is missing.")
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
        raise ModelDamaged("model.safetensors is missing.")
    expected = (Format.SAFETENSORS,) if safetensors else (Format.TORCH, Format.OLD_TORCH)
    for name in weights:
        form = recognise(folder / name, named_by)
        if form not in expected:
            raise ModelDamaged(f"{name} is in {form}; it must be in {expected[0]}.")


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Say in errors which folder they are about, by its last name; a hub's snapshot is called by its commit."""
    in_cache = folder.parent.name == "snapshots"
    name = folder.parents[1].name.replace("models--", "").replace("--", "/") if in_cache else folder.name
    try:
        yield
    except ModelError as error:
        raise type(error)(f"in {name}, {error.message.removesuffix('.')}.") from error
