"""What an upload gives to a plan: the codes that a piece begins with.

Runs on the GPU thread, where the model is. The upload was read and checked before; which codec it meets is known only
here.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from musicgen_api.audio.read import converted
from musicgen_api.domain.recipe import Codes, whole_frames
from musicgen_api.domain.request import Continuation, Recording
from musicgen_api.generation import codec
from musicgen_api.models.loaded_model import LoadedModel


def known_codes(model: LoadedModel, continuation: Continuation, check: Callable[[], object]) -> Tensor | None:
    """The codes [K, T] of what is kept, in whole frames; None where it is shorter than a frame.

    The file's own codes where they are of the model's codec, else those of its sound. `check` is called every second
    of music; what it raises ends the work.
    """
    frames = whole_frames(continuation.duration_s, model.frame_rate)
    if frames == 0:
        return None
    if (codes := continuation.codes) is not None and _fit(codes, model):
        return torch.from_numpy(codes.ids.astype("int64"))
    return _encoded(model, continuation.sound, frames, check)


def _fit(codes: Codes, model: LoadedModel) -> bool:
    """Whether the model can go on from `codes`: the same codec, with as many codebooks (a stereo model has twice)."""
    theirs = (codes.codec, len(codes.ids), codes.cardinality, codes.frame_rate)
    return theirs == (model.codec, model.lm.n_q, model.lm.card, model.frame_rate)


def _encoded(model: LoadedModel, sound: Recording, frames: int, check: Callable[[], object]) -> Tensor:
    samples = converted(sound, model.sample_rate, model.audio_channels).samples
    length = frames * round(model.sample_rate / model.frame_rate)
    waveform = torch.from_numpy(samples[:, :length])
    waveform = torch.nn.functional.pad(waveform, (0, length - waveform.shape[-1]))[None].to(model.device)
    pieces = []
    for piece in codec.encode(model.compression_model, waveform):
        check()
        pieces.append(piece)
    return torch.cat(pieces, dim=-1)[0]
