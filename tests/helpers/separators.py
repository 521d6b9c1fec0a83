"""A tiny Demucs with random weights, as the hub has the real one."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from demucs.htdemucs import HTDemucs
from safetensors.torch import save_file

SIGNATURE = "955717e8"


def build_separator(folder: Path, klass: str = "demucs.htdemucs.HTDemucs") -> Path:
    """The repository in `folder`: a bag of one, and its weights."""
    arguments = {
        "sources": ["drums", "bass", "other", "vocals"],
        "channels": 4,
        "bottom_channels": 16,
        "t_layers": 1,
        "t_heads": 2,
        "dconv_comp": 2,
        "norm_groups": 2,
        "segment": 2,
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = HTDemucs(**arguments)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "htdemucs.yaml").write_text(f"models: ['{SIGNATURE}']\n")
    metadata = {"klass": klass, "args": "[]", "kwargs": json.dumps(arguments)}
    save_file(model.state_dict(), folder / f"{SIGNATURE}.safetensors", metadata)
    return folder
