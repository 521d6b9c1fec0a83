"""What the compiled step computes beside products and attention: for compiled code, which calls it and never Python.

Functions of single values are exact to the last bit on every path of the compiler: they do without liberties
(`FAST`), so that neither the number of threads nor that of rows shows. Sums over a row take them: their order depends
on the row's length alone.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.extending import intrinsic, register_jitable

from musicgen_api.engine.cpu import forms, product

FAST = {"reassoc", "contract", "nsz", "arcp"}
"""Liberties for sums: all of fast mathematics but the belief that there are no infinities and NaNs."""


@intrinsic
def pointer(_typing: Any, address: Any) -> Any:
    """An address (int64) as what `carray` takes."""

    def generate(context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), generate


@intrinsic
def as_float(_typing: Any, bits: Any) -> Any:
    """The fp32 number that 32 bits stand for."""

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.uint32), generate


@intrinsic
def as_bits(_typing: Any, value: Any) -> Any:
    """The 32 bits of an fp32 number."""

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.uint32(types.float32), generate


@intrinsic
def multiply_words(
    _typing: Any, weights: Any, inputs: Any, outputs: Any, words: Any, rows: Any, totals: Any, stride: Any
) -> Any:
    """`product.emit_product` in the form that is compiled for."""

    def generate(context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> Any:
        product.emit_product(builder, forms.used(), *arguments)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 7), generate


@intrinsic
def signed_low_bytes(_typing: Any) -> Any:
    """Whether the form that is compiled for takes an activation's bytes apart, both signed."""

    def generate(_context: Any, _builder: ir.IRBuilder, _signature: Any, _arguments: Any) -> Any:
        return ir.Constant(ir.IntType(1), forms.used().product == "planes")

    return types.boolean(), generate


@register_jitable
def floats(address: int, shape: Any) -> Any:
    """An array of fp32 at an address."""
    return carray(pointer(address), shape, np.float32)


@register_jitable
def widen(half: Any) -> Any:
    """Turn bfloat16 bits into fp32."""
    return as_float(np.uint32(half) << np.uint32(16))


@register_jitable
def narrow(value: Any) -> Any:
    """Turn fp32 into bfloat16 bits, rounded to the nearest even."""
    bits = as_bits(value)
    return np.uint16((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))


@register_jitable
def exponential(x: Any) -> Any:
    """Exponential of x <= 0, to about 2e-6 of itself: 2 ** whole * 2 ** part, the latter by Taylor's series."""
    power = max(x * np.float32(1.4426950408889634), np.float32(-126.0))
    whole = np.floor(power + np.float32(0.5))
    part = (power - whole) * np.float32(0.6931471805599453)
    series = np.float32(1 / 120) + part * np.float32(1 / 720)
    series = np.float32(1 / 24) + part * series
    series = np.float32(1 / 6) + part * series
    series = np.float32(1 / 2) + part * series
    series = np.float32(1) + part * series
    series = np.float32(1) + part * series
    return series * as_float(np.uint32(np.int32(whole) + np.int32(127)) << np.uint32(23))


@register_jitable(error_model="numpy")
def gelu(x: Any) -> Any:
    """Gaussian error linear unit; error function of Abramowitz and Stegun 7.1.26, to 1.5e-7."""
    z = abs(x) * np.float32(0.7071067811865476)
    t = np.float32(1) / (np.float32(1) + np.float32(0.3275911) * z)
    series = np.float32(-1.453152027) + t * np.float32(1.061405429)
    series = np.float32(1.421413741) + t * series
    series = np.float32(-0.284496736) + t * series
    series = np.float32(0.254829592) + t * series
    half = np.float32(0.5) * (t * series) * exponential(-z * z)
    return x * (np.float32(1) - half if x > 0 else half)


@register_jitable(error_model="numpy")
def gelu_all(values: Any) -> None:
    """Replace values [n] by their GELU. Without Numba's test for divisions by zero this is vector code."""
    for i in range(values.shape[0]):
        values[i] = gelu(values[i])


@register_jitable(fastmath=FAST, error_model="numpy")
def normalise(x: Any, norm: Any, out: Any) -> None:
    """Layer normalisation of x [C] into out [C]."""
    width = x.shape[0]
    weight, bias = floats(norm.weight, (width,)), floats(norm.bias, (width,))
    total = np.float32(0)
    for i in range(width):
        total += x[i]
    mean = total / np.float32(width)
    total = np.float32(0)
    for i in range(width):
        total += (x[i] - mean) * (x[i] - mean)
    factor = np.float32(1) / np.sqrt(total / np.float32(width) + np.float32(1e-5))
    for i in range(width):
        out[i] = (x[i] - mean) * factor * weight[i] + bias[i]


@register_jitable
def in_signed_bytes(word: Any) -> Any:
    """An integer so that 256 * its high byte + its low byte is `word` if both are signed.

    From 128 on the low byte is 256 less then; the high byte makes up for it.
    """
    return word + ((word & np.int32(128)) << np.int32(1))


@register_jitable(error_model="numpy")
def to_words(values: Any, limit: Any, words: Any) -> Any:
    """Values [C] as integers of at most `limit` in words [C], as the product takes them; returns their scale."""
    peak = np.uint32(0)
    for i in range(values.shape[0]):
        peak = max(peak, as_bits(values[i]) & np.uint32(0x7FFFFFFF))
    largest = max(as_float(peak), np.float32(1e-30))
    factor = limit / largest
    apart = signed_low_bytes()
    for i in range(values.shape[0]):
        word = np.int32(values[i] * factor + np.float32(32768.5)) - np.int32(32768)
        words[i] = np.int16(in_signed_bytes(word) if apart else word)
    return largest / limit
