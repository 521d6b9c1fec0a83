"""Attention of one head of one row, for compiled code. Keys and values are bfloat16, all else is fp32."""

from typing import Any

import numpy as np
from numba import carray
from numba.extending import register_jitable

from musicgen_api.engine.cpu.arithmetic import FAST, exponential, narrow, pointer, widen
from musicgen_api.engine.cpu.layout import HEAD_WIDTH


@register_jitable
def cached(address: Any, unit: Any, capacity: Any, steps: Any) -> Any:
    """The first `steps` slots of one row's head in a cache [R * H, capacity, D]."""
    return carray(pointer(address + unit * capacity * HEAD_WIDTH * 2), (steps, HEAD_WIDTH), np.uint16)


@register_jitable
def remember(new: Any, slot: Any) -> None:
    """Put a new key or value [D] into its slot of a cache."""
    for d in range(HEAD_WIDTH):
        slot[d] = narrow(new[d])


@register_jitable(fastmath=FAST, error_model="numpy")
def attend(query: Any, keys: Any, values: Any, scores: Any, mixed: Any) -> None:
    """From a query [D] over keys and values [steps, D] to mixed values [D]. Uses scores [steps]."""
    steps = keys.shape[0]
    peak = np.float32(-np.inf)
    for j in range(steps):
        score = np.float32(0)
        for d in range(HEAD_WIDTH):
            score += query[d] * widen(keys[j, d])
        scores[j] = score
        peak = max(peak, score)
    total = np.float32(0)
    for j in range(steps):
        scores[j] = exponential(scores[j] - peak)
        total += scores[j]
    mixed[:] = np.float32(0)
    whole = steps // 4 * 4
    for j in range(0, whole, 4):
        a, b, c, e = scores[j], scores[j + 1], scores[j + 2], scores[j + 3]
        for d in range(HEAD_WIDTH):
            mixed[d] += (
                a * widen(values[j, d])
                + b * widen(values[j + 1, d])
                + c * widen(values[j + 2, d])
                + e * widen(values[j + 3, d])
            )
    for j in range(whole, steps):
        for d in range(HEAD_WIDTH):
            mixed[d] += scores[j] * widen(values[j, d])
    for d in range(HEAD_WIDTH):
        mixed[d] /= total
