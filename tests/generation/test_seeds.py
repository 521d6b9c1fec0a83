"""Every bit of a seed counts, and small seeds mean what they mean to torch."""

from __future__ import annotations

import itertools

import pytest
import torch

from musicgen_api.generation.seeds import as_default, seeded_generator


def drawn(seed: int) -> tuple[float, ...]:
    """What the sampler draws."""
    generator = seeded_generator(seed, torch.device("cpu"))
    return tuple(torch.empty(64).exponential_(1.0, generator=generator).tolist())


@pytest.mark.parametrize("seed", [0, 1, 77, 2**31, 2**32 - 1])
def test_a_seed_below_2_to_the_32_gives_what_torch_gives(seed: int) -> None:
    expected = torch.empty(64).exponential_(1.0, generator=torch.Generator().manual_seed(seed))
    assert drawn(seed) == tuple(expected.tolist())


@pytest.mark.parametrize("base", [0, 1, 2**32 - 1, 0x5DEECE66D, 2**53 - 1])
def test_each_of_the_53_bits_counts(base: int) -> None:
    music = {base ^ (1 << bit): drawn(base ^ (1 << bit)) for bit in range(53)} | {base: drawn(base)}
    assert len(set(music.values())) == 54
    for one, other in itertools.combinations(music.values(), 2):
        assert len(set(one) & set(other)) < 8  # neither is the other one shifted


def test_seeds_that_the_mixing_cannot_tell_apart_differ_by_what_is_skipped() -> None:
    seeds = [0, 2**32 | 0x9E3779B1]  # to 32 bits both are 0
    assert len({drawn(seed) for seed in seeds}) == 2


def test_a_seed_repeats() -> None:
    assert drawn(2**53 - 1) == drawn(2**53 - 1)


def test_a_generator_stands_in_for_torch_s_default_one_and_is_afterwards_where_that_got_to() -> None:
    expected = torch.rand(6, generator=torch.Generator().manual_seed(3))
    generator = seeded_generator(3, torch.device("cpu"))
    with as_default(generator):
        first = torch.rand(2)
    torch.rand(5)
    with as_default(generator):
        second = torch.rand(4)
    assert torch.equal(torch.cat([first, second]), expected)
