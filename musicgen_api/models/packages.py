"""Reads the files that AudioCraft exports: `{"best_state": weights, "xp.cfg": YAML}`, saved by torch.

A file is recognised, read without running anything it holds (weights_only), and looked through, in this order: so what
is wrong is said of the file, of one key, or of one tensor. Nothing here builds a module or asks the network.
"""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from musicgen_api.domain.errors import ModelDamaged
from musicgen_api.models.device import is_device_failure
from musicgen_api.models.file_formats import Format, recognise, unreadable

State = Mapping[str, torch.Tensor]

_BROKEN = (
    *(pickle.UnpicklingError, zipfile.BadZipFile, struct.error, EOFError, RuntimeError, AssertionError),
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
)
"""What torch raises of a file that is broken inside. It reads nothing else here, so it is about the file."""

_FOREIGN: dict[str, str] = {
    "pytorch-lightning_version": "a checkpoint of PyTorch Lightning; AudioCraft's files are made by its own export",
    "xp.sig": "a checkpoint of AudioCraft's training (Dora); export it with audiocraft.utils.export "
    "(export_lm for state_dict.bin, export_encodec for compression_state_dict.bin)",
    "n_bands": "the file of MultiBand Diffusion, whose place is MUSICGEN_MBD",
}
"""By a key that only they have: files of other makers, and what to do about them."""

_SEARCHED_BYTES = 1 << 22
"""How much of a file that torch refuses is searched for such a key."""


@dataclass(frozen=True)
class Package:
    """An exported model: the weights, mapped into memory rather than read where torch's format allows it."""

    name: str
    """Of the file, for errors."""
    state: State
    config: DictConfig
    originals: State | None = None
    """The tensors as the file has them, where `state` is made of them."""

    @property
    def stored(self) -> State:
        """The tensors by the names that they have in the file."""
        return self.state if self.originals is None else self.originals


def read_torch_file(file: Path, named_by: str, safe_globals: Sequence[Any] = ()) -> dict[Any, Any]:
    """The dictionary in a file of torch's, without running anything that it holds.

    Args:
        named_by: the setting that names the file's folder.
        safe_globals: classes that it may hold besides tensors and plain values.

    Raises:
        ModelDamaged: it is broken, of another format, or holds something else.
        ModelError: it may not be read.
    """
    form = recognise(file, named_by)
    if form not in (Format.TORCH, Format.OLD_TORCH):
        raise ModelDamaged(f"{file.name} is in {form}; it must be a file that AudioCraft exported, in torch's format.")
    try:
        with torch.serialization.safe_globals(list(safe_globals)):
            package = torch.load(file, map_location="cpu", weights_only=True, mmap=form is Format.TORCH)
    except _BROKEN as error:
        if is_device_failure(error):
            raise
        makers = {} if safe_globals else _FOREIGN  # who knows what it may hold reads a file of another kind
        raise ModelDamaged(f"{file.name} {_why_unreadable(file, error, makers)}.") from error
    except OSError as error:
        if is_device_failure(error):
            raise
        raise unreadable(error, file.name, named_by) from error
    if not isinstance(package, dict):
        raise ModelDamaged(f"{file.name} holds a {type(package).__name__}; it must hold a dictionary.")
    return package


def read_package(file: Path, named_by: str) -> Package | str:
    """What AudioCraft exported into `file`: the model, or the name of a pretrained codec that stands for it.

    Raises:
        ModelDamaged, ModelError: as `read_torch_file`; or a part is missing or is not what it must be.
    """
    content = read_torch_file(file, named_by)
    if "pretrained" in content:
        return _pretrained(content["pretrained"], file.name)
    foreign = next((what for key, what in _FOREIGN.items() if key in content), None)
    if foreign is not None:
        raise ModelDamaged(f"{file.name} is something else: {foreign}.")
    for key in ("best_state", "xp.cfg"):
        if key not in content:
            raise ModelDamaged(f"{file.name} has no {key!r}; {_what_instead(content)}.")
    return Package(file.name, _state(content["best_state"], file.name), _config(content["xp.cfg"], file.name))


def _pretrained(name: object, file: str) -> str:
    if not isinstance(name, str) or not name:
        raise ModelDamaged(f"{file}: 'pretrained' must be the name of a codec, and is a {type(name).__name__}.")
    return name.removeprefix("//pretrained/")


def _state(value: object, file: str) -> State:
    if not isinstance(value, dict) or not value:
        raise ModelDamaged(f"{file}: 'best_state' must hold the weights by their names; {_what_instead(value)}.")
    for name, tensor in value.items():
        if not isinstance(tensor, torch.Tensor):
            raise ModelDamaged(f"{file}: {str(name)!r} in 'best_state' must be a tensor, and is {_kind(tensor)}.")
    return value


def _config(value: object, file: str) -> DictConfig:
    if not isinstance(value, str):
        raise ModelDamaged(f"{file}: 'xp.cfg' must be a text in YAML, and is {_kind(value)}.")
    try:
        config = OmegaConf.create(value)
    except (YAMLError, OmegaConfBaseException) as error:
        mark = getattr(error, "problem_mark", None)
        if mark is None:
            raise ModelDamaged(f"{file}: 'xp.cfg' is not valid YAML.") from error
        raise ModelDamaged(f"{file}: 'xp.cfg' is not valid YAML (line {mark.line + 1}).") from error
    if not isinstance(config, DictConfig) or not config:
        raise ModelDamaged(f"{file}: 'xp.cfg' holds no configuration.")
    return config


def _why_unreadable(file: Path, error: Exception, makers: Mapping[str, str]) -> str:
    """Why torch refused a file that looked whole."""
    if not isinstance(error, pickle.UnpicklingError):
        return "is broken inside or cut off; download or copy it again"
    start = _start_of_pickle(file)
    foreign = next((what for key, what in makers.items() if key.encode() in start), None)
    if foreign is not None:
        return f"is something else: {foreign}"
    if "Unsupported" in str(error):
        return "holds Python objects besides weights and texts, which are not loaded because they could run code"
    return "is broken inside; download or copy it again"


def _start_of_pickle(file: Path) -> bytes:
    """The pickle's first bytes, in which the keys of its dictionary stand. They are searched, never unpickled."""
    if not zipfile.is_zipfile(file):
        with file.open("rb") as opened:
            return opened.read(_SEARCHED_BYTES)
    with zipfile.ZipFile(file) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        with archive.open(name) as opened:
            return opened.read(_SEARCHED_BYTES)


def _what_instead(value: object) -> str:
    """What a part holds instead of what it must hold, for a sentence."""
    if not isinstance(value, dict):
        return f"it is {_kind(value)}"
    if any(isinstance(item, torch.Tensor) for item in value.values()):
        return "it holds bare weights without AudioCraft's configuration; export the model with audiocraft.utils.export"
    keys = ", ".join(repr(str(key)[:40]) for key in list(value)[:5])
    return f"it has {keys or 'nothing'}"


def _kind(value: object) -> str:
    return "empty" if value is None or value == {} else f"a {type(value).__name__}"
