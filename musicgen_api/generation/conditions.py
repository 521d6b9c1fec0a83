"""Words and a melody -> what a language model is conditioned on, by AudioCraft's own conditioners.

Follows AudioCraft 1.3.0: `MusicGen.generate_with_chroma` (models/musicgen.py), `LMModel.generate` (models/lm.py) and
`ConditionFuser` (modules/conditioners.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from audiocraft.models.lm import LMModel
from audiocraft.modules.conditioners import ClassifierFreeGuidanceDropout, ConditioningAttributes, WavCondition
from audiocraft.modules.transformer import create_sin_embedding
from torch import Tensor, nn

from musicgen_api.engine import Conditions
from musicgen_api.generation.plan import Plan
from musicgen_api.generation.windows import Window
from musicgen_api.models.loaded_model import LoadedModel

MELODY = "self_wav"
"""AudioCraft's name of the melody condition."""


def attributes_of(plan: Plan, window: Window, model: LoadedModel) -> ConditioningAttributes:
    """What AudioCraft conditions a window of `plan` on."""
    conditioners: Any = model.lm.condition_provider.conditioners
    text = plan.descriptions[window.section]
    attributes = ConditioningAttributes(text={"description": _plain_text(text, conditioners["description"])})
    if MELODY in conditioners:
        attributes.wav[MELODY] = _melody_of(plan, window, model)
    return attributes


def text_encoder_of(model: LoadedModel) -> nn.Module:
    """The network that reads descriptions. T5Conditioner hides it from the modules that it consists of."""
    conditioner: Any = model.lm.condition_provider.conditioners["description"]
    encoder: nn.Module = conditioner.t5
    return encoder


def _plain_text(text: str, conditioner: Any) -> str:
    """`text` without the tokenizer's control tokens: a literal `</s>` would end the prompt, not stand in it.

    The tokenizer's own `split_special_tokens` does not help, because they are pieces of its vocabulary as well.
    """
    for token in conditioner.t5_tokenizer.all_special_tokens:
        text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def _melody_of(plan: Plan, window: Window, model: LoadedModel) -> WavCondition:
    """The part of the melody that belongs to a window: from its beginning on, repeated where it is too short."""
    melody = plan.melody
    if melody is None:
        silence, length = torch.zeros(1, 1, 1, device=model.device), 0
        return _wav_condition(silence, length, model)
    melody = melody.to(model.device)
    if len(plan.windows) > 1:
        begin = int(window.start / model.frame_rate * model.sample_rate)
        length = int(model.window_s * model.sample_rate)
        melody = melody[:, torch.arange(begin, begin + length, device=model.device) % melody.shape[-1]]
    return _wav_condition(melody[None], melody.shape[-1], model)


def _wav_condition(waveform: Tensor, length: int, model: LoadedModel) -> WavCondition:
    return WavCondition(waveform, torch.tensor([length], device=model.device), [model.sample_rate], [None], [0.0])


def conditions_of(lm: LMModel, songs: Sequence[ConditioningAttributes], *, two_step: bool = False) -> list[Conditions]:
    """The engine's conditions for `songs`, the null conditions of guidance with them.

    With `two_step` in two batches, as AudioCraft's `two_step_cfg` has them, else in one: the songs', then as many null
    rows. Without songs there is nothing to be conditioned on, and no guidance.
    """
    null = ClassifierFreeGuidanceDropout(p=1.0)(list(songs))
    batches = [list(songs), null] if two_step else [list(songs) + null]
    provider = lm.condition_provider
    return [fuse(lm, provider(provider.tokenize(batch)), len(batch)) for batch in batches]


def fuse(lm: LMModel, tensors: Mapping[str, tuple[Tensor, Tensor]], rows: int) -> Conditions:
    """Sort condition tensors into prepended ones and attended ones, in ConditionFuser's order."""
    prefix: Tensor | None = None
    cross: Tensor | None = None
    for name, (tensor, _mask) in tensors.items():
        if lm.fuser.cond2fuse[name] == "prepend":
            prefix = tensor if prefix is None else torch.cat([tensor, prefix], dim=1)
        else:
            cross = tensor if cross is None else torch.cat([cross, tensor], dim=1)
    if cross is not None and lm.fuser.cross_attention_pos_emb:
        positions = torch.arange(cross.shape[1], device=cross.device).view(1, -1, 1)
        cross = cross + lm.fuser.cross_attention_pos_emb_scale * create_sin_embedding(positions, cross.shape[-1])
    return Conditions(rows, prefix, cross)


def repeat(conditions: Conditions, songs: int) -> Conditions:
    """The conditions of one song (and its null row) for as many songs that are alike."""

    def each(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.repeat_interleave(songs, dim=0)

    return Conditions(conditions.rows * songs, each(conditions.prefix), each(conditions.cross))
