"""A whole decoding step as one compiled function, for int8 weights on x86 processors with byte dot products (VNNI).

The arithmetic is that of `transformer.decode_step` with these differences: activations are rounded to 16 bits for each
product instead of to bfloat16's 8, sums of products are exact, and the rest is fp32. Keys and values stay bfloat16. All
threads run through all layers together and wait for each other at barriers; nothing goes back to Python in between.

A 16-bit activation is x = (u - 32768) * scale, and the two bytes of u stand in two planes, so that for a row w of
weights  sum(w * x) = scale * (256 * (w . high - 128 * sum(w)) + w . low):  products of unsigned with signed bytes,
exact in 32 bits up to a width of 65,536. Neither the order of the sums nor the number of threads changes the result.

Numba compiles it for the processor at hand, without a compiler installed, and keeps the machine code beside this
module's bytecode. It looks at this file alone to see whether that is stale: all compiled code is here.
"""

from functools import cache
from typing import Any

import numba
import numpy as np
from llvmlite import binding, ir
from numba import carray, njit, types
from numba.extending import intrinsic

from musicgen_api.engine import openmp

HEAD_WIDTH = 64
"""The head width that the step is compiled for; all published models have it."""

_AHEAD = 2048
"""Bytes that a row's weights are fetched ahead of their use (docs/engine-log.md)."""

# What the step reads. An int64 that is no count is an address.
LINEAR = np.dtype([(name, np.int64) for name in ("weight", "scale", "sums", "inputs", "outputs")])
NORM = np.dtype([(name, np.int64) for name in ("weight", "bias")])
LAYER = np.dtype(
    [(name, LINEAR) for name in ("qkv", "out", "cross_query", "cross_out", "up", "down")]
    + [(name, NORM) for name in ("norm_self", "norm_cross", "norm_feed")]
    + [(name, np.int64) for name in ("keys", "values", "cross_keys", "cross_values")]
)
JOB = np.dtype(
    [(name, np.int64) for name in ("width", "heads", "layers", "rows", "cross_rows", "cross_steps")]
    + [(name, np.int64) for name in ("position", "capacity", "scratch_bytes")]
    + [(name, np.int64) for name in ("layer", "x", "logits", "wide", "mixed", "scratch")]
    + [("norm_out", NORM), ("head", LINEAR)]
)

_FAST = {"reassoc", "contract", "nsz", "arcp"}
_I8, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)


def vector_bytes() -> int:
    """Bytes that one dot product takes on this processor: 64, 32, or 0 where it has none."""
    features = binding.get_host_cpu_features()
    if features.get("avx512vnni"):
        return 64
    return 32 if features.get("avxvnni") else 0


def make_dot(planes: int, width: int) -> Any:
    """A function for compiled code: a row of weights times `planes` planes of bytes, `width` bytes at a time.

    `dot(weights, length, activations, results)` takes addresses: of int8 `[length]`, of uint8 `[planes, length]` and
    of int32 `[planes]` for the results. `length` is a multiple of `width`. Rows that follow each other are to be taken
    one by one: that reads memory in order, which is what the speed depends on.
    """
    lanes, packed = ir.VectorType(_I32, width // 4), ir.VectorType(_I8, width)
    address = ir.PointerType(_I8)

    def generate(context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> Any:
        def declare(name: str, result: ir.Type, *operands: ir.Type) -> ir.Function:
            return builder.module.declare_intrinsic(name, (), ir.FunctionType(result, operands))

        def load(place: ir.Value) -> ir.Value:
            value = builder.load(builder.inttoptr(place, ir.PointerType(packed)))
            value.align = 1
            return value

        weights, length, activations, results = arguments
        multiply = declare(f"llvm.x86.avx512.vpdpbusd.{8 * width}", lanes, lanes, packed, packed)
        add_up = declare(f"llvm.vector.reduce.add.v{width // 4}i32", _I32, lanes)
        prefetch = declare("llvm.prefetch.p0", ir.VoidType(), address, _I32, _I32, _I32)
        before, loop = builder.block, builder.append_basic_block("dot")
        after = builder.append_basic_block("dot_done")
        builder.branch(loop)
        builder.position_at_end(loop)
        at = builder.phi(_I64)
        at.add_incoming(_I64(0), before)
        sums = [builder.phi(lanes) for _ in range(planes)]
        place = builder.add(weights, at)
        ahead = builder.inttoptr(builder.add(place, _I64(_AHEAD)), address)
        builder.call(prefetch, [ahead, _I32(0), _I32(3), _I32(1)])  # to read, into the nearest cache, data
        row = load(place)
        starts = [
            builder.add(activations, builder.add(at, builder.mul(_I64(plane), length))) for plane in range(planes)
        ]
        totals = [builder.call(multiply, [total, load(start), row]) for total, start in zip(sums, starts, strict=True)]
        following = builder.add(at, _I64(width))
        at.add_incoming(following, loop)
        for total, new in zip(sums, totals, strict=True):
            total.add_incoming(ir.Constant(lanes, [0] * lanes.count), before)
            total.add_incoming(new, loop)
        builder.cbranch(builder.icmp_signed("<", following, length), loop, after)
        builder.position_at_end(after)
        for plane, total in enumerate(totals):
            result = builder.inttoptr(builder.add(results, _I64(4 * plane)), ir.PointerType(_I32))
            builder.store(builder.call(add_up, [total]), result)
        return context.get_dummy_value()

    @intrinsic
    def dot(_typing: Any, weights: Any, length: Any, activations: Any, results: Any) -> Any:
        return types.void(types.int64, types.int64, types.int64, types.int64), generate

    return dot


_dot_one = make_dot(2, vector_bytes() or 64)
_dot_two = make_dot(4, vector_bytes() or 64)


@intrinsic
def _pointer(_typing: Any, address: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), generate


@intrinsic
def _as_float(_typing: Any, bits: Any) -> Any:
    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.uint32), generate


@intrinsic
def _as_bits(_typing: Any, value: Any) -> Any:
    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.uint32(types.float32), generate


@njit(inline="always")
def _widen(half: Any) -> Any:
    """bfloat16 bits to fp32."""
    return _as_float(np.uint32(half) << np.uint32(16))


@njit(inline="always")
def _narrow(value: Any) -> Any:
    """fp32 to bfloat16 bits, rounded to the nearest even."""
    bits = _as_bits(value)
    return np.uint16((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))


@njit(inline="always")
def _exp(x: Any) -> Any:
    """Exponential of x <= 0, to about 2e-6 of itself: 2 ** whole * 2 ** part, the latter by Taylor's series."""
    power = max(x * np.float32(1.4426950408889634), np.float32(-126.0))
    whole = np.floor(power + np.float32(0.5))
    part = (power - whole) * np.float32(0.6931471805599453)
    series = np.float32(1.0) + part * (
        np.float32(1.0)
        + part
        * (
            np.float32(1 / 2)
            + part
            * (
                np.float32(1 / 6)
                + part * (np.float32(1 / 24) + part * (np.float32(1 / 120) + part * np.float32(1 / 720)))
            )
        )
    )
    return series * _as_float(np.uint32(np.int32(whole) + np.int32(127)) << np.uint32(23))


@njit(inline="always")
def _gelu(x: Any) -> Any:
    """Gaussian error linear unit; error function of Abramowitz and Stegun 7.1.26, to 1.5e-7."""
    z = abs(x) * np.float32(0.7071067811865476)
    t = np.float32(1.0) / (np.float32(1.0) + np.float32(0.3275911) * z)
    tail = t * (
        np.float32(0.254829592)
        + t
        * (
            np.float32(-0.284496736)
            + t * (np.float32(1.421413741) + t * (np.float32(-1.453152027) + t * np.float32(1.061405429)))
        )
    )
    half = np.float32(0.5) * tail * _exp(-z * z)
    return x * (np.float32(1.0) - half if x > 0 else half)


@njit(fastmath=_FAST)
def _normalise(x: Any, norm: Any, out: Any) -> None:
    """Layer normalisation of x [R, C] into the first rows of `out`."""
    rows, width = x.shape
    weight, bias = (
        carray(_pointer(norm.weight), (width,), np.float32),
        carray(_pointer(norm.bias), (width,), np.float32),
    )
    for r in range(rows):
        total = np.float32(0)
        for i in range(width):
            total += x[r, i]
        mean = total / np.float32(width)
        total = np.float32(0)
        for i in range(width):
            total += (x[r, i] - mean) * (x[r, i] - mean)
        factor = np.float32(1.0) / np.sqrt(total / np.float32(width) + np.float32(1e-5))
        for i in range(width):
            out[r, i] = (x[r, i] - mean) * factor * weight[i] + bias[i]


@njit(fastmath=_FAST)
def _to_bytes(values: Any, planes: Any, scales: Any) -> None:
    """Values [R, C] in 16 bits and a scale each row, as planes [2R, C] of high and low bytes."""
    for r in range(values.shape[0]):
        peak = np.uint32(0)
        for i in range(values.shape[1]):
            peak = max(peak, _as_bits(values[r, i]) & np.uint32(0x7FFFFFFF))
        largest = max(_as_float(peak), np.float32(1e-30))
        scales[r] = largest / np.float32(32767)
        factor = np.float32(32767) / largest
        for i in range(values.shape[1]):
            code = np.int32(values[r, i] * factor + np.float32(32768.5))
            planes[2 * r, i] = np.uint8(code >> 8)
            planes[2 * r + 1, i] = np.uint8(code & 255)


@njit
def _share(total: Any, thread: Any, threads: Any) -> Any:
    """This thread's part of `total` items, from the first to before the last."""
    return total * thread // threads, total * (thread + 1) // threads


@njit(fastmath=_FAST)
def _attend(query: Any, keys: Any, values: Any, scores: Any, mixed: Any) -> None:
    """One head of one row: query [D] over keys and values [steps, D] in bfloat16 bits."""
    steps = keys.shape[0]
    peak = np.float32(-np.inf)
    for j in range(steps):
        score = np.float32(0)
        for d in range(HEAD_WIDTH):
            score += query[d] * _widen(keys[j, d])
        scores[j] = score
        peak = max(peak, score)
    total = np.float32(0)
    for j in range(steps):
        scores[j] = _exp(scores[j] - peak)
        total += scores[j]
    mixed[:] = np.float32(0)
    whole = steps // 4 * 4
    for j in range(0, whole, 4):
        a, b, c, e = scores[j], scores[j + 1], scores[j + 2], scores[j + 3]
        for d in range(HEAD_WIDTH):
            mixed[d] += (
                a * _widen(values[j, d])
                + b * _widen(values[j + 1, d])
                + c * _widen(values[j + 2, d])
                + e * _widen(values[j + 3, d])
            )
    for j in range(whole, steps):
        for d in range(HEAD_WIDTH):
            mixed[d] += scores[j] * _widen(values[j, d])
    for d in range(HEAD_WIDTH):
        mixed[d] /= total


@njit
def _remember(position: Any, new: Any, cache: Any) -> None:
    """Put one head's new key or value [D] into its cache [capacity, D]."""
    for d in range(HEAD_WIDTH):
        cache[position, d] = _narrow(new[d])


@njit
def _head(address: Any, unit: Any, capacity: Any, steps: Any) -> Any:
    """The first `steps` slots of one row's head in a cache [R * H, capacity, D]."""
    return carray(_pointer(address + unit * capacity * HEAD_WIDTH * 2), (steps, HEAD_WIDTH), np.uint16)


@njit(fastmath=_FAST)
def _multiply(linear: Any, source: Any, scratch: Any, out: Any, thread: Any, threads: Any) -> Any:
    """This thread's share of a matrix times source [R, inputs], into out [R, outputs]; returns which share."""
    rows, inputs, outputs = source.shape[0], linear.inputs, linear.outputs
    scales = carray(_pointer(scratch), (rows,), np.float32)
    results = carray(_pointer(scratch + 64), (2 * rows,), np.int32)
    planes = carray(_pointer(scratch + 256), (2 * rows, inputs), np.uint8)
    _to_bytes(source, planes, scales)
    scale = carray(_pointer(linear.scale), (outputs,), np.float32)
    sums = carray(_pointer(linear.sums), (outputs,), np.int32)
    first, last = _share(outputs, thread, threads)
    for n in range(first, last):
        if rows == 1:
            _dot_one(linear.weight + n * inputs, inputs, scratch + 256, scratch + 64)
        else:
            _dot_two(linear.weight + n * inputs, inputs, scratch + 256, scratch + 64)
        for r in range(rows):
            high, low = results[2 * r] - 128 * sums[n], results[2 * r + 1]
            out[r, n] = (np.float32(256) * np.float32(high) + np.float32(low)) * scale[n] * scales[r]
    return first, last


@njit(fastmath=_FAST)
def _multiply_and_add(linear: Any, source: Any, scratch: Any, buffer: Any, x: Any, thread: Any, threads: Any) -> None:
    first, last = _multiply(linear, source, scratch, buffer, thread, threads)
    for r in range(source.shape[0]):
        for i in range(first, last):
            x[r, i] += buffer[r, i]


def step(pointer: Any) -> None:
    """The step of one thread, for a `JOB` at an address. Reads x, writes logits and the caches' slot at `position`."""
    job = carray(pointer, (1,))[0]
    thread, threads = openmp.thread_number(), openmp.thread_count()
    rows, columns, heads, position = job.rows, job.width, job.heads, job.position
    layers = carray(_pointer(job.layer), (job.layers,), LAYER)
    x = carray(_pointer(job.x), (rows, columns), np.float32)
    mixed = carray(_pointer(job.mixed), (rows, columns), np.float32)
    wide = _pointer(job.wide)
    narrow = carray(wide, (rows, columns), np.float32)
    qkv = carray(wide, (rows, 3 * columns), np.float32)
    scratch = job.scratch + thread * job.scratch_bytes
    normal = carray(_pointer(scratch), (rows, columns), np.float32)
    scratch += 4 * rows * columns
    scores = carray(_pointer(scratch), (max(job.capacity, job.cross_steps),), np.float32)
    scratch += 4 * max(job.capacity, job.cross_steps)

    for index in range(job.layers):
        layer = layers[index]
        _normalise(x, layer.norm_self, normal)
        _multiply(layer.qkv, normal, scratch, qkv, thread, threads)
        openmp.barrier()
        first, last = _share(rows * heads, thread, threads)
        for unit in range(first, last):
            r, at = unit // heads, unit % heads * HEAD_WIDTH
            keys = _head(layer.keys, unit, job.capacity, position + 1)
            values = _head(layer.values, unit, job.capacity, position + 1)
            _remember(position, qkv[r, columns + at :], keys)
            _remember(position, qkv[r, 2 * columns + at :], values)
            _attend(qkv[r, at : at + HEAD_WIDTH], keys, values, scores, mixed[r, at : at + HEAD_WIDTH])
        openmp.barrier()
        _multiply_and_add(layer.out, mixed, scratch, narrow, x, thread, threads)
        openmp.barrier()
        if job.cross_rows > 0:
            asking = x[: job.cross_rows]
            _normalise(asking, layer.norm_cross, normal)
            _multiply(layer.cross_query, normal[: job.cross_rows], scratch, narrow, thread, threads)
            openmp.barrier()
            first, last = _share(job.cross_rows * heads, thread, threads)
            for unit in range(first, last):
                r, at = unit // heads, unit % heads * HEAD_WIDTH
                keys = _head(layer.cross_keys, unit, job.cross_steps, job.cross_steps)
                values = _head(layer.cross_values, unit, job.cross_steps, job.cross_steps)
                _attend(narrow[r, at : at + HEAD_WIDTH], keys, values, scores, mixed[r, at : at + HEAD_WIDTH])
            openmp.barrier()
            _multiply_and_add(layer.cross_out, mixed[: job.cross_rows], scratch, narrow, asking, thread, threads)
            openmp.barrier()
        hidden = carray(wide, (rows, layer.up.outputs), np.float32)
        _normalise(x, layer.norm_feed, normal)
        first, last = _multiply(layer.up, normal, scratch, hidden, thread, threads)
        for r in range(rows):
            for i in range(first, last):
                hidden[r, i] = _gelu(hidden[r, i])
        openmp.barrier()
        _multiply_and_add(layer.down, hidden, scratch, mixed, x, thread, threads)
        openmp.barrier()
    _normalise(x, job.norm_out, normal)
    logits = carray(_pointer(job.logits), (rows, job.head.outputs), np.float32)
    _multiply(job.head, normal, scratch, logits, thread, threads)


@cache
def compile_step() -> Any:
    """The step as a C function, once a process: from the files kept or compiled now (some seconds)."""
    signature = types.void(types.CPointer(numba.from_dtype(JOB)))
    try:
        return numba.cfunc(signature, cache=True)(step)
    except (RuntimeError, OSError):  # no folder to keep it in
        return numba.cfunc(signature)(step)
