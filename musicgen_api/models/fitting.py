"""Whether weights are those of a module, all of them, and numbers."""

from __future__ import annotations

from typing import Any

import torch
from omegaconf.errors import OmegaConfBaseException
from safetensors import SafetensorError

from musicgen_api.domain.errors import ModelDamaged
from musicgen_api.models.packages import Package, State

BUILDING_FAILURES = (
    *(OmegaConfBaseException, SafetensorError, ArithmeticError, AssertionError, AttributeError, LookupError),
    *(NotImplementedError, OSError, RuntimeError, TypeError, ValueError),
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


def require_whole(where: str, model: torch.nn.Module, loading: dict[str, Any]) -> None:
    """Make sure that transformers has read every weight of `model` and made up none.

    Args:
        loading: what transformers tells with `output_loading_info`.

    Raises:
        ModelDamaged: the text names a tensor that was missing, of another shape, or not finite.
    """
    for kind, sentence in (("missing_keys", "lacks the tensor"), ("mismatched_keys", "has a wrong shape in")):
        for entry in sorted(loading.get(kind, ()), key=str):
            name = entry[0] if isinstance(entry, tuple) else entry
            raise ModelDamaged(f"{where} {sentence} {name}.")
    require_finite(where, model.state_dict())
