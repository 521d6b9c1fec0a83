"""Whether a module can be built, and whether weights are its own, all of them, and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from omegaconf.errors import OmegaConfBaseException
from safetensors import SafetensorError

from musicgen_api.domain.errors import ModelDamaged
from musicgen_api.models.device import is_device_failure
from musicgen_api.models.packages import Package, State

BUILDING_FAILURES = (
    *(OmegaConfBaseException, SafetensorError, ArithmeticError, AssertionError, AttributeError, LookupError),
    *(NotImplementedError, OSError, RuntimeError, StrictDataclassError, TypeError, ValueError),
)
"""What the constructors of modules raise for a configuration or weights that are not theirs."""

_TRAINING_STATISTICS = ("cluster_size", "embed_avg")
"""Ends of the names of a codec's tensors that only its training reads."""


def require_fit(module: torch.nn.Module, package: Package) -> None:
    """Make sure that the package has the module's tensors, in its shapes, and no others.

    Raises:
        ModelDamaged: the text names the first tensor that does not fit, and what would.
    """
    expected, given = module.state_dict(), package.state
    advice = "its weights and its 'xp.cfg' belong to different models"
    for name, tensor in expected.items():
        if name not in given:
            raise ModelDamaged(f"{package.name} lacks the tensor {name} {list(tensor.shape)}; {advice}.")
        if given[name].shape != tensor.shape:
            raise ModelDamaged(
                f"{package.name}: the tensor {name} is {list(given[name].shape)}, and must be {list(tensor.shape)} "
                f"by the configuration; {advice}."
            )
    for name in given:
        if name not in expected:
            raise ModelDamaged(f"{package.name} has a tensor too many, {name}; {advice}.")


def require_finite(where: str, state: State) -> None:
    """Make sure that every weight is a finite number: one pass over the memory, nothing is copied.

    Raises:
        ModelDamaged: the text names the first tensor with NaN or infinity in it.
    """
    for name, tensor in state.items():
        if not tensor.is_floating_point() or not tensor.numel() or name.endswith(_TRAINING_STATISTICS):
            continue
        least, greatest = torch.aminmax(tensor)
        if not (least.isfinite() and greatest.isfinite()):
            raise ModelDamaged(f"{where}: the tensor {name} holds weights that are not finite numbers (NaN, infinity).")


def require_shape(file: str, name: str, tensor: torch.Tensor | None, shape: list[int]) -> None:
    """Make sure that a tensor of a checkpoint in transformers' format is there, and in the shape that it must have.

    Raises:
        ModelDamaged: it is not; the text names file and tensor.
    """
    if tensor is None:
        raise ModelDamaged(f"{file} lacks the tensor {name} {shape}, which config.json asks for.")
    if list(tensor.shape) != shape:
        raise ModelDamaged(f"{file}: the tensor {name} is {list(tensor.shape)}, and must be {shape} by config.json.")


def require_whole(where: str, model: torch.nn.Module, loading: dict[str, Any], *, prefix: str = "") -> None:
    """Make sure that transformers has read every weight of `model` and made up none.

    Args:
        loading: what transformers tells with `output_loading_info`.
        prefix: what the tensors' names begin with in the file.

    Raises:
        ModelDamaged: the text names a tensor that was missing, of another shape, or not finite.
    """
    for name in sorted(loading.get("missing_keys", ())):
        raise ModelDamaged(f"{where} lacks the tensor {prefix + name}.")
    for entry in sorted(loading.get("mismatched_keys", ()), key=str):
        name = entry[0] if isinstance(entry, tuple) else entry
        raise ModelDamaged(f"{where} has a wrong shape in {prefix + name}.")
    require_finite(where, {f"{prefix}{name}": tensor for name, tensor in model.state_dict().items()})


@contextmanager
def building(what: str) -> Iterator[None]:
    """Say of what a constructor refuses that `what` cannot be built, and of which key, where the error knows."""
    try:
        yield
    except BUILDING_FAILURES as error:
        if is_device_failure(error):
            raise
        raise not_built(what, error) from error


def not_built(what: str, error: Exception) -> ModelDamaged:
    """The error for `what`, which a constructor has refused with `error`."""
    key = _key_of(error)
    if key is None:
        return ModelDamaged(f"{what} cannot be built.")
    return ModelDamaged(f"{what} cannot be built: {key!r} in its configuration is missing or not what it must be.")


def _key_of(error: Exception) -> str | None:
    """Which key of the configuration an error is about. Its own text may hold paths and is left to the log."""
    key = getattr(error, "full_key", None) or getattr(error, "key", None)
    if key is None and isinstance(error, KeyError) and error.args:
        key = error.args[0]
    if key is None and isinstance(error, TypeError | StrictDataclassError):
        named = re.search(r"(?:argument:?|field) '(\w+)'", str(error))
        key = named[1] if named else None
    return str(key)[:60] if key else None
