"""MAGNeT: what AudioCraft's loader does for it besides (models/loaders.py, 1.3.0: `load_lm_model_magnet`).

AudioCraft also switches the attention of the whole process to xFormers while it loads one, and leaves it there. Here
that is done while one generates (`generation.adapters`).
"""

from __future__ import annotations

import torch
from audiocraft.models.lm import LMModel
from audiocraft.models.lm_magnet import MagnetLMModel
from omegaconf import DictConfig, open_dict


def complete_configuration(cfg: DictConfig) -> None:
    """Fill in what a MAGNeT's constructor takes from elsewhere in the configuration; nothing for other models."""
    if cfg.lm_model == "transformer_lm_magnet":
        with open_dict(cfg):
            cfg.transformer_lm.segment_duration = 0  # of the masks that it makes: `make_masks` makes ours
            cfg.transformer_lm.span_len = cfg.masking.span_len


def frames_to_ask_for(lm: LMModel, frames: int) -> int:
    """The least whole number of spans that has `frames`: AudioCraft leaves out what does not fill one."""
    assert isinstance(lm, MagnetLMModel)
    span = int(lm.span_len)
    return frames + -frames % span


@torch.no_grad()
def make_masks(lm: MagnetLMModel, frames: int, device: torch.device) -> None:
    """Give `lm` its attention masks for pieces of `frames` frames: one for all heads and all stages but the first.

    AudioCraft makes one for each of both, which is 430 MB for 30 s. It also adds frames up to a multiple of eight, and
    they see everything; here the last span may need one of them.
    """
    length = frames_to_ask_for(lm, frames)
    mask = None
    if lm.subcodes_context > -1:
        dtype = next(lm.transformer.parameters()).dtype
        mask = lm.restricted_context_attn_mask(length, device=device, dtype=dtype)[None, None]
    lm.attn_mask_per_stage = [None, *[mask] * (lm.n_q - 1)]
