"""The product of bytes and 16-bit integers: exact in the forms that run here, its own instructions in all."""

from __future__ import annotations

import ctypes
import re
from functools import cache

import numpy as np
import pytest
from llvmlite import binding, ir

from musicgen_api.engine.cpu.forms import FORMS, Form, runnable
from musicgen_api.engine.cpu.layout import LARGEST_LIMIT
from musicgen_api.engine.cpu.product import emit_product

TRIPLES = {"x86_64": "x86_64-unknown-linux-gnu", "aarch64": "aarch64-unknown-linux-gnu"}
MULTIPLIES = {
    "avx512-vnni": r"vpdpwssd.*zmm",
    "avx-vnni": r"vpdpwssd.*ymm",
    "avx512": r"vpmaddwd.*zmm",
    "avx2": r"vpmaddwd.*ymm",
    "sse4.1": r"\bpmaddwd.*xmm",
    "neon-dotprod": r"\bsdot\b",
    "neon": r"\bsmlal2\b",
}
FORM = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
HERE = pytest.mark.parametrize("form", runnable(), ids=lambda form: form.name)


@cache
def compiled(form: Form) -> tuple[binding.ModuleRef, binding.TargetMachine]:
    """A function `multiply` with the product in it, optimised for the least processor that has the form."""
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    source = ir.Module()
    source.triple = TRIPLES[form.machine]
    function = ir.Function(source, ir.FunctionType(ir.VoidType(), [ir.IntType(64)] * 7), "multiply")
    builder = ir.IRBuilder(function.append_basic_block())
    emit_product(builder, form, *function.args)
    builder.ret_void()
    machine = binding.Target.from_triple(source.triple).create_target_machine(
        cpu=form.cpu, features=form.features, opt=3
    )
    module = binding.parse_assembly(str(source))
    module.verify()
    passes = binding.create_pass_builder(machine, binding.create_pipeline_tuning_options(speed_level=3))
    passes.getModulePassManager().run(module, passes)
    return module, machine


@cache
def engine(form: Form) -> binding.ExecutionEngine:
    module, machine = compiled(form)
    engine = binding.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine


def assert_exact(form: Form, weights: np.ndarray, activations: np.ndarray) -> None:
    """Whole numbers of numpy's are the judge. Nothing is written beside the sums."""
    (outputs, inputs), rows, stride = weights.shape, len(activations), len(weights) + 5
    assert np.abs(weights.astype(np.int64)).sum(axis=1).max() * np.abs(activations.astype(np.int64)).max() < 2**31
    words = activations + ((activations & 128) << 1) if form.product == "planes" else activations
    words = words.astype(np.int16)
    totals = np.full((rows, stride), -1, np.int32)
    multiply = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 7)(engine(form).get_function_address("multiply"))
    multiply(weights.ctypes.data, inputs, outputs, words.ctypes.data, rows, totals.ctypes.data, stride)
    expected = activations.astype(np.int64) @ weights.astype(np.int64).T
    assert totals[:, :outputs].tolist() == expected.tolist()
    assert np.all(totals[:, outputs:] == -1)


@HERE
@pytest.mark.parametrize("rows", range(1, 17))
def test_a_product_is_that_of_whole_numbers(form: Form, rows: int) -> None:
    rng = np.random.default_rng(rows)
    weights = rng.integers(-127, 128, (12, 256), np.int8)
    activations = rng.integers(-LARGEST_LIMIT, LARGEST_LIMIT + 1, (rows, 256), np.int16)
    assert_exact(form, weights, activations)


@HERE
@pytest.mark.parametrize("inputs", [32, 64, 96, 4096, 8192])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_sum_may_be_as_large_as_32_bits_hold(form: Form, inputs: int, sign: int) -> None:
    weights = np.full((4, inputs), 127, np.int8)
    weights[1], weights[2, ::2] = -127, -127
    limit = min(LARGEST_LIMIT, (2**31 - 1) // (127 * inputs))
    assert_exact(form, weights, np.full((3, inputs), sign * limit, np.int16))


@FORM
def test_the_form_s_own_instruction_multiplies(form: Form) -> None:
    module, machine = compiled(form)
    assembly = machine.emit_assembly(module)
    assert len(re.findall(MULTIPLIES[form.name], assembly)) >= 14
    assert not re.search(r"pmulld|\bmul\s+v|\bmla\s+v", assembly), "a slow product of 32 bits"
    assert re.search(r"prefetcht1|prfm", assembly)


@FORM
def test_no_sum_leaves_the_registers(form: Form) -> None:
    module, machine = compiled(form)
    assert not re.search("[Ss]pill", machine.emit_assembly(module))
