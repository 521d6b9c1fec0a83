"""The delay pattern: codes [B, K, T] as delayed steps [B, K, S] and back.

Step 0 holds the special token everywhere; codebook k's frame t stands at step 1 + t + delays[k]. What stays
empty holds the special token too. Same result as AudioCraft 1.3.0's DelayedPatternProvider (MusicGen, arXiv
2306.05284, section 2.2).
"""

import torch
from torch import Tensor

UNKNOWN = -1
"""Stands where a code is still to be generated."""


def delay_codes(codes: Tensor, delays: tuple[int, ...], special: int) -> Tensor:
    """Lay codes [B, K, T] out as steps [B, K, 1 + T + max(delays)]."""
    batch, codebooks, frames = codes.shape
    assert codebooks == len(delays), f"{codebooks} codebooks, {len(delays)} delays"
    steps = codes.new_full((batch, codebooks, 1 + frames + max(delays)), special)
    for codebook, delay in enumerate(delays):
        steps[:, codebook, 1 + delay : 1 + delay + frames] = codes[:, codebook]
    return steps


def undelay_codes(steps: Tensor, delays: tuple[int, ...]) -> Tensor:
    """Take codes [B, K, T] back out of steps [B, K, 1 + T + max(delays)]."""
    return decided_codes(steps, 0, steps.shape[-1] - 1 - max(delays), delays)


def decided_codes(steps: Tensor, first: int, end: int, delays: tuple[int, ...]) -> Tensor:
    """Take the codes [B, K, end - first] of the frames from `first` to before `end` out of delayed steps [B, K, S]."""
    columns = [steps[:, k, 1 + delay + first : 1 + delay + end] for k, delay in enumerate(delays)]
    codes = torch.stack(columns, dim=1)
    assert bool((codes != UNKNOWN).all()), f"a code of the frames {first} to {end} is open"
    return codes


def first_open_step(prompt_frames: int, delays: tuple[int, ...]) -> int:
    """The first step that holds a code of the frame after the prompt."""
    return 1 + prompt_frames + min(delays)
