"""Reads files of bare weights, as transformers saves them: safetensors or torch's own, whole or in shards.

The tensors are mapped into memory where the format allows it: what nobody looks at is never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from musicgen_api.domain.errors import ModelDamaged
from musicgen_api.models.device import is_device_failure
from musicgen_api.models.file_formats import Format, read_json, recognise
from musicgen_api.models.packages import read_torch_file

INDEX = ".index.json"
"""How the name of an index ends."""

WEIGHT_FILES = ("model.safetensors", f"model.safetensors{INDEX}", "pytorch_model.bin", f"pytorch_model.bin{INDEX}")
"""The names that transformers knows, in its order of choice."""


@dataclass(frozen=True)
class Tensors:
    """All tensors of a model by their names."""

    name: str
    """Of the file, or of the index of its shards, for errors."""
    state: dict[str, Tensor]
    shards: dict[str, str] = field(default_factory=dict)
    """In which file each tensor lies."""


def shards_of(main: Path, named_by: str) -> list[str]:
    """The names of the files that hold the weights: `main` itself, or those that it is the index of.

    Raises:
        ModelDamaged: the index is not what it must be.
    """
    if not main.name.endswith(INDEX):
        return [main.name]
    listed = read_json(main, named_by).get("weight_map")
    if not isinstance(listed, dict) or not listed:
        raise ModelDamaged(f"{main.name} has no 'weight_map', which must name the file of each tensor.")
    names = sorted({str(name) for name in listed.values()})
    for name in names:
        if Path(name).name != name or not name.endswith((".safetensors", ".bin")):
            raise ModelDamaged(f"{main.name}: {name[:60]!r} in 'weight_map' must be the name of a file beside it.")
    return names


def read_tensors(main: Path, files: Sequence[Path], named_by: str) -> Tensors:
    """The tensors in `files`, which are those of `shards_of(main)`.

    Raises:
        ModelDamaged: a file is broken, or holds something else; or a shard lacks what the index says.
        ModelError: a file may not be read.
    """
    state: dict[str, Tensor] = {}
    shards: dict[str, str] = {}
    for file in files:
        for name, tensor in _read(file, named_by).items():
            state[name], shards[name] = tensor, file.name
    if main.name.endswith(INDEX):
        _require_listed(main, shards, named_by)
    return Tensors(main.name, state, shards)


def _read(file: Path, named_by: str) -> dict[str, Tensor]:
    if file.name.endswith(".safetensors"):
        form = recognise(file, named_by)
        if form is not Format.SAFETENSORS:
            raise ModelDamaged(f"{file.name} is in {form}; it must be in {Format.SAFETENSORS}.")
        return _read_safetensors(file)
    content = read_torch_file(file, named_by)
    for name, tensor in content.items():
        if not isinstance(tensor, torch.Tensor):
            raise ModelDamaged(
                f"{file.name}: {str(name)[:60]!r} must be a tensor, and is a {type(tensor).__name__}; "
                f"transformers saves the weights alone, by their names."
            )
    return content


def _read_safetensors(file: Path) -> dict[str, Tensor]:
    try:
        with safe_open(file, framework="pt") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no dictionary
    except (SafetensorError, OSError, RuntimeError) as error:
        if is_device_failure(error):
            raise
        raise ModelDamaged(f"{file.name} is broken inside ({error}); download it again.") from error


def _require_listed(index: Path, shards: dict[str, str], named_by: str) -> None:
    listed = read_json(index, named_by)["weight_map"]
    assert isinstance(listed, dict), "shards_of has looked at it"
    for name, file in listed.items():
        if name not in shards:
            raise ModelDamaged(f"{file} lacks the tensor {name}, which {index.name} says it holds.")
