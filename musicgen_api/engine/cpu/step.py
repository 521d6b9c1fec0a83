"""A whole decoding step as one compiled function, for int8 weights.

The arithmetic is that of `transformer.run_step` with these differences: activations are rounded to 16 bits for each
product instead of to bfloat16's 8, sums of products are exact, and the rest is fp32. Keys and values stay bfloat16. All
threads run through all layers together and wait for each other at barriers; nothing goes back to Python in between.
What a row becomes depends neither on the other rows nor on the number of threads.

Numba compiles it for the processor at hand, without a compiler installed, and keeps the machine code.
"""

import pickle
import threading
from functools import cache
from typing import Any

import numba
import numpy as np
from numba import carray, types
from numba.extending import register_jitable

from musicgen_api.engine.cpu import forms, openmp
from musicgen_api.engine.cpu.arithmetic import floats, gelu_all, multiply_words, normalise, pointer, to_words, widen
from musicgen_api.engine.cpu.attention import attend, cached, remember
from musicgen_api.engine.cpu.barrier import wait_for_all
from musicgen_api.engine.cpu.layout import CHUNK, HEAD_WIDTH, JOB, LAYER

_GRAIN = 16


@register_jitable
def _share(total: Any, thread: Any, threads: Any) -> Any:
    """This thread's part of `total` items, from the first to before the last."""
    return total * thread // threads, total * (thread + 1) // threads


@register_jitable
def _columns(total: Any, thread: Any, threads: Any) -> Any:
    """This thread's part of `total` columns, in whole vectors."""
    first, last = _share(total // _GRAIN, thread, threads)
    return first * _GRAIN, last * _GRAIN


@register_jitable
def _embed(job: Any, x: Any, thread: Any, threads: Any) -> None:
    """Sum the codebooks' embeddings and the position's sine into this thread's columns of x [R, C]."""
    songs, books, width = job.songs, job.codebooks, job.width
    codes = carray(pointer(job.codes), (songs, books), np.int64)
    tables = carray(pointer(job.embeddings), (books, job.card + 1, width), np.uint16)
    sine = floats(job.sine + 4 * width * job.position, (width,))
    first, last = _columns(width, thread, threads)
    for r in range(job.rows):
        for i in range(first, last):
            x[r, i] = widen(tables[0, codes[r % songs, 0], i])
        for k in range(1, books):
            for i in range(first, last):
                x[r, i] += widen(tables[k, codes[r % songs, k], i])
        for i in range(first, last):
            x[r, i] += sine[i]


@register_jitable
def _rows_to_encode(job: Any, rows: Any, thread: Any, threads: Any) -> Any:
    """Two rows are encoded by every thread for itself, which saves a barrier; of more each takes a part."""
    return _share(rows, thread, threads) if job.rows > 2 else (0, rows)


@register_jitable
def _encode(job: Any, source: Any, linear: Any, scratch: Any, thread: Any, threads: Any) -> None:
    """Bring source [rows, inputs] into the words that `linear` is multiplied with."""
    first, last = _rows_to_encode(job, source.shape[0], thread, threads)
    for r in range(first, last):
        _encode_row(job, source[r], r, linear, scratch)
    if job.rows > 2:
        wait_for_all(job.barrier, threads)


@register_jitable
def _encode_normal(job: Any, x: Any, norm: Any, linear: Any, scratch: Any, thread: Any, threads: Any) -> None:
    """Normalise x [rows, C] and bring it into the words that `linear` is multiplied with."""
    normal = floats(job.scratch + thread * job.scratch_bytes + job.normal_at, (job.width,))
    first, last = _rows_to_encode(job, x.shape[0], thread, threads)
    for r in range(first, last):
        normalise(x[r], norm, normal)
        _encode_row(job, normal, r, linear, scratch)
    if job.rows > 2:
        wait_for_all(job.barrier, threads)


@register_jitable
def _encode_row(job: Any, values: Any, r: Any, linear: Any, scratch: Any) -> None:
    inputs = linear.inputs
    words = carray(pointer(scratch + job.words_at + 2 * r * inputs), (inputs,), np.int16)
    scales = floats(scratch + job.scales_at, (job.rows,))
    scales[r] = to_words(values, np.float32(linear.limit), words)


@register_jitable
def _multiply(job: Any, linear: Any, rows: Any, scratch: Any, add: Any, out: Any, thread: Any, threads: Any) -> Any:
    """This thread's share of a matrix times the encoded rows, into out [rows, outputs] or added to it.

    Returns which columns these are.
    """
    scale = floats(linear.scale, (linear.outputs,))
    scales = floats(scratch + job.scales_at, (rows,))
    place = job.scratch + thread * job.scratch_bytes + job.totals_at
    totals = carray(pointer(place), (rows, CHUNK), np.int32)
    first, last = _columns(linear.outputs, thread, threads)
    for start in range(first, last, CHUNK):
        count = min(CHUNK, last - start)
        weights = linear.weight + start * linear.inputs
        multiply_words(weights, linear.inputs, count, scratch + job.words_at, rows, place, CHUNK)
        for r in range(rows):
            if add:
                for n in range(count):
                    out[r, start + n] += np.float32(totals[r, n]) * scale[start + n] * scales[r]
            else:
                for n in range(count):
                    out[r, start + n] = np.float32(totals[r, n]) * scale[start + n] * scales[r]
    return first, last


def step(address: Any) -> None:
    """The step of one thread, for a `JOB` at an address.

    Reads codes, writes logits and the caches' slot at `position`.
    """
    job = carray(address, (1,))[0]
    thread, threads = openmp.thread_number(), openmp.thread_count()
    rows, width, heads, position = job.rows, job.width, job.heads, job.position
    layers = carray(pointer(job.layer), (job.layers,), LAYER)
    x, mixed = floats(job.x, (rows, width)), floats(job.mixed, (rows, width))
    asking, answered = x[: job.cross_rows], mixed[: job.cross_rows]  # the rows with cross-attention
    qkv, asked = floats(job.wide, (rows, 3 * width)), floats(job.wide, (rows, width))
    own = job.scratch + thread * job.scratch_bytes
    scores = floats(own + job.scores_at, (max(job.capacity, job.cross_steps),))
    words = job.scratch if rows > 2 else own  # where encoded rows lie: shared, or this thread's own

    _embed(job, x, thread, threads)
    wait_for_all(job.barrier, threads)
    for index in range(job.layers):
        layer = layers[index]

        # Self-attention: queries, keys and values; each head over its cache; the output back into x.
        _encode_normal(job, x, layer.norm_self, layer.qkv, words, thread, threads)
        _multiply(job, layer.qkv, rows, words, False, qkv, thread, threads)
        wait_for_all(job.barrier, threads)
        first, last = _share(rows * heads, thread, threads)
        for unit in range(first, last):
            r, at = unit // heads, unit % heads * HEAD_WIDTH
            keys = cached(layer.keys, unit, job.capacity, position + 1)
            values = cached(layer.values, unit, job.capacity, position + 1)
            remember(qkv[r, width + at :], keys[position])
            remember(qkv[r, 2 * width + at :], values[position])
            attend(qkv[r, at : at + HEAD_WIDTH], keys, values, scores, mixed[r, at : at + HEAD_WIDTH])
        wait_for_all(job.barrier, threads)
        _encode(job, mixed, layer.out, words, thread, threads)
        _multiply(job, layer.out, rows, words, True, x, thread, threads)
        wait_for_all(job.barrier, threads)

        # Cross-attention to the condition, for the rows that have one.
        if job.cross_rows > 0:
            _encode_normal(job, asking, layer.norm_cross, layer.cross_query, words, thread, threads)
            _multiply(job, layer.cross_query, job.cross_rows, words, False, asked, thread, threads)
            wait_for_all(job.barrier, threads)
            first, last = _share(job.cross_rows * heads, thread, threads)
            for unit in range(first, last):
                r, at = unit // heads, unit % heads * HEAD_WIDTH
                keys = cached(layer.cross_keys, unit, job.cross_steps, job.cross_steps)
                values = cached(layer.cross_values, unit, job.cross_steps, job.cross_steps)
                attend(asked[r, at : at + HEAD_WIDTH], keys, values, scores, mixed[r, at : at + HEAD_WIDTH])
            wait_for_all(job.barrier, threads)
            _encode(job, answered, layer.cross_out, words, thread, threads)
            _multiply(job, layer.cross_out, job.cross_rows, words, True, asking, thread, threads)
            wait_for_all(job.barrier, threads)

        # Feed-forward: up, GELU, down.
        hidden = floats(job.wide, (rows, layer.up.outputs))
        _encode_normal(job, x, layer.norm_feed, layer.up, words, thread, threads)
        first, last = _multiply(job, layer.up, rows, words, False, hidden, thread, threads)
        for r in range(rows):
            gelu_all(hidden[r, first:last])
        wait_for_all(job.barrier, threads)
        _encode(job, hidden, layer.down, words, thread, threads)
        _multiply(job, layer.down, rows, words, True, x, thread, threads)
        wait_for_all(job.barrier, threads)

    # The codebooks' output layers.
    logits = floats(job.logits, (rows, job.head.outputs))
    _encode_normal(job, x, job.norm_out, job.head, words, thread, threads)
    _multiply(job, job.head, rows, words, False, logits, thread, threads)


_compiling = threading.Lock()


def compile_step(form: forms.Form) -> Any:
    """The step as a C function in `form`, once a process: from the files kept, or compiled now (some seconds).

    Raises:
        FormMissing: the process already has another form.
    """
    with _compiling:
        forms.use(form)
        return _compiled()


@cache
def _compiled() -> Any:
    signature = types.void(types.CPointer(numba.from_dtype(JOB)))
    try:
        return numba.cfunc(signature, cache=True)(step)
    except (RuntimeError, OSError, EOFError, pickle.UnpicklingError):  # no folder to keep it in, or a broken file
        return numba.cfunc(signature)(step)
