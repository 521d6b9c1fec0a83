"""What melody models need besides themselves: AudioCraft's chroma conditioner, and Demucs to take drums and bass out.

Follows AudioCraft 1.3.0 (`ChromaStemConditioner`, modules/conditioners.py) and Demucs 4.1 (hf.py). It differs from them
in that Demucs is loaded when the first melody comes, not with the model, and that it is downloaded with progress.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import demucs.hf
import torch
import yaml
from audiocraft.modules.conditioners import ChromaStemConditioner
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from musicgen_api.domain.errors import MelodyUnavailable, ModelError
from musicgen_api.domain.request import Monitor
from musicgen_api.models import hub
from musicgen_api.models.device import is_device_failure
from musicgen_api.models.fitting import BUILDING_FAILURES

REPOSITORY, BAG = "adefossez/HTDemucs", "htdemucs.yaml"
"""Where Demucs' own loader finds `htdemucs`, which AudioCraft takes."""

_CLASSES = ("demucs.htdemucs.HTDemucs", "demucs.hdemucs.HDemucs")
"""What the file may say that it is: it names a class, which is then called. (`structure` may name others.)"""

_WITHOUT = "With MUSICGEN_MELODY_SEPARATION=none melodies are followed without it: hummed or solo ones need none."


class MelodyConditioner(ChromaStemConditioner):
    """AudioCraft's, for tunes from which drums and bass were taken before: chroma is all that it makes of them."""

    def _get_stemmed_wav(self, wav: Tensor, sample_rate: int) -> Tensor:
        assert sample_rate == self.sample_rate
        return wav


def fetch_separator(monitor: Monitor) -> Path:
    """The file of Demucs' weights, downloaded if it is not here.

    Raises:
        MelodyUnavailable: it cannot be had; the text names the setting that does without it.
        HubBusy, Cancelled: as `hub.Downloads.file`.
    """
    downloads = hub.Downloads("htdemucs", monitor)
    try:
        bag = yaml.safe_load(downloads.file(REPOSITORY, BAG).read_text())
        return downloads.file(REPOSITORY, f"{bag['models'][0]}.safetensors")
    except ModelError as error:
        raise MelodyUnavailable(f"Demucs, for the melody, cannot be had: {error.message} {_WITHOUT}") from error
    except (yaml.YAMLError, UnicodeDecodeError, LookupError, TypeError) as error:
        raise _damaged(BAG) from error


def build_separator(file: Path, device: torch.device) -> nn.Module:
    """Demucs from its file, on `device`. Raises `MelodyUnavailable` where it is damaged."""
    try:
        with safe_open(str(file), framework="pt") as weights:
            described = weights.metadata() or {}
        if described.get("klass") not in _CLASSES or "structure" in described:
            raise _damaged(file.name)
        model: Any = demucs.hf.load_safetensors_model(file)
    except (SafetensorError, *BUILDING_FAILURES) as error:
        if is_device_failure(error):
            raise
        raise _damaged(file.name) from error
    separator: nn.Module = model.to(device).eval().requires_grad_(False)
    return separator


def _damaged(name: str) -> MelodyUnavailable:
    return MelodyUnavailable(f"Demucs, for the melody, cannot be used: {name} is damaged. {_WITHOUT}")
