"""A song's seed -> a generator of random numbers, so that every bit of it counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_SPREAD = 0x9E3779B1
"""An odd number near 2**32 divided by the golden ratio (Knuth, TAOCP 6.4): neighbours become strangers."""


def seeded_generator(seed: int, device: torch.device) -> torch.Generator:
    """A generator on `device` that begins at `seed`, 0 to 2**53 - 1. Below 2**32 it is as after `torch.manual_seed`.

    The CPU's generator takes the low 32 bits alone (ATen/core/MT19937RNGEngine.h), the GPUs' take 64. So the high bits
    are mixed into the low ones, and for what 32 bits cannot tell apart, they say how many numbers are skipped: at most
    2**21, which takes some milliseconds. No two seeds begin at the same place of the same sequence.
    """
    high = seed >> 32
    generator = torch.Generator(device).manual_seed(seed ^ (high * _SPREAD % 2**32))
    torch.rand(high, generator=generator, device=device)
    return generator


@contextmanager
def as_default(generator: torch.Generator) -> Iterator[None]:
    """Let torch's default generator, which AudioCraft draws from, be where `generator` is; then the other way round."""
    cuda = generator.device.type == "cuda"
    default = torch.cuda.default_generators[generator.device.index or 0] if cuda else torch.default_generator
    default.set_state(generator.get_state())
    try:
        yield
    finally:
        generator.set_state(default.get_state())
