"""What compiled code computes beside products, against numpy and torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numba import njit

from musicgen_api.engine.cpu import arithmetic, forms
from musicgen_api.engine.cpu.layout import LARGEST_LIMIT, NORM


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """What Numba makes of a function in the form of the processor."""
    forms.use(forms.choose("auto"))

    @njit
    def call(*arguments: Any) -> Any:
        return function(*arguments)

    return call


@pytest.mark.parametrize("limit", [127 * 256, 4128])
def test_activations_are_rounded_to_the_nearest_integer_of_their_row_s_scale(limit: int) -> None:
    to_words = compiled(arithmetic.to_words)
    generator = np.random.default_rng(0)
    for size in (1.0, 1e-6, 1e20, 0.0):
        values = (size * generator.standard_normal(128)).astype(np.float32)
        words = np.zeros(128, np.int16)
        scale = to_words(values, np.float32(limit), words)
        assert np.abs(words).max() == (limit if size else 0)
        assert np.all(np.abs(words * scale - values.astype(np.float64)) <= 0.51 * scale)


def test_where_bytes_are_taken_apart_both_are_signed() -> None:
    in_signed_bytes = compiled(arithmetic.in_signed_bytes)
    values = range(-LARGEST_LIMIT, LARGEST_LIMIT + 1)
    words = np.array([in_signed_bytes(np.int32(value)) for value in values], np.int16)
    low, high = words.view(np.int8)[::2].astype(int), words.view(np.int8)[1::2].astype(int)
    assert np.array_equal(256 * high + low, values)


def test_the_exponential_is_numpy_s() -> None:
    exponential = compiled(arithmetic.exponential)
    x = np.linspace(-80, 0, 4001, dtype=np.float32)
    assert max(abs(exponential(v) / np.exp(float(v)) - 1) for v in x) < 1e-5
    assert exponential(np.float32(-np.inf)) < 1e-37


@pytest.mark.parametrize("count", [1, 15, 64, 4001])
def test_gelu_is_torch_s_whatever_stands_beside_a_value(count: int) -> None:
    gelu_all = compiled(arithmetic.gelu_all)
    values = np.linspace(-9, 9, 4001, dtype=np.float32)[:count].copy()
    exact = torch.nn.functional.gelu(torch.from_numpy(values).double()).numpy()
    alone = [value.copy() for value in np.split(values, count)]
    gelu_all(values)
    assert np.abs(values - exact).max() < 1e-6
    for value in alone:
        gelu_all(value)
    assert np.array_equal(np.concatenate(alone), values)


def test_bfloat16_is_torch_s() -> None:
    narrow, widen = compiled(arithmetic.narrow), compiled(arithmetic.widen)
    values = torch.randn(500) * torch.logspace(-20, 20, 500)
    expected = values.bfloat16()
    bits = [narrow(np.float32(value)) for value in values.tolist()]
    assert bits == (expected.view(torch.int16).int() & 0xFFFF).tolist()
    assert [widen(half) for half in np.array(bits, np.uint16)] == expected.float().tolist()


def test_a_row_is_normalised_as_torch_does() -> None:
    @njit
    def call(x: Any, weight: int, bias: int, out: Any) -> None:
        record = np.zeros(1, NORM)
        record[0].weight, record[0].bias = weight, bias
        arithmetic.normalise(x, record[0], out)

    x, weight, bias = (5 * torch.randn(192) + 2, torch.randn(192), torch.randn(192))
    out = np.zeros(192, np.float32)
    call(x.numpy(), weight.data_ptr(), bias.data_ptr(), out)
    expected = torch.nn.functional.layer_norm(x, (192,), weight, bias, 1e-5)
    assert np.abs(out - expected.numpy()).max() < 1e-5
