"""Where everything lies that the compiled step reads and writes: the one place that both of its sides know.

`compiled.py` fills these records in, the compiled code reads them. An int64 that is no count is an address, or with
the ending `_at` an offset into a thread's scratch memory.
"""

import hashlib
from pathlib import Path

import numpy as np

HEAD_WIDTH = 64
"""The head width that the step is compiled for; all published models have it."""

MOST_ROWS = 16
"""Rows of the transformer's batch that one step takes: eight songs with guidance."""

CHUNK = 64
"""Outputs of a matrix whose sums are kept before they become fp32; every matrix has a multiple of it."""

LARGEST_LIMIT = 127 * 256
"""The largest integer for an activation: both its bytes are signed ones then, as some products need it."""

_SOURCES = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(Path(__file__).parent.glob("*.py"))))


def _integers(*names: str) -> list[tuple[str, type]]:
    return [(name, np.int64) for name in names]


LINEAR = np.dtype(_integers("weight", "scale", "limit", "inputs", "outputs"))
"""A matrix [outputs, inputs] of int8 and its scale [outputs] in fp32; its activations are integers up to `limit`."""

NORM = np.dtype(_integers("weight", "bias"))
"""A layer normalisation's weight and bias [C] in fp32."""

LAYER = np.dtype(
    [(name, LINEAR) for name in ("qkv", "out", "cross_query", "cross_out", "up", "down")]
    + [(name, NORM) for name in ("norm_self", "norm_cross", "norm_feed")]
    + _integers("keys", "values", "cross_keys", "cross_values")
)
"""A layer: caches are [R * H, capacity, D] in bfloat16, those of the condition [rows * H, N, D]."""

JOB = np.dtype(
    _integers("width", "heads", "layers", "rows", "songs", "codebooks", "card", "cross_rows", "cross_steps")
    + _integers("position", "capacity")
    + _integers("codes", "embeddings", "sine", "layer", "x", "mixed", "wide", "logits", "barrier")
    + _integers("scratch", "scratch_bytes", "scores_at", "normal_at", "totals_at", "scales_at", "words_at")
    + [("norm_out", NORM), ("head", LINEAR)]
    # Numba keeps machine code by the types of a function's arguments. So this name makes code stale that was compiled
    # from other sources: Numba itself would look at one file only.
    + _integers(f"sources_{_SOURCES.hexdigest()[:16]}")
)
"""A job: codes [B, K] in int64, embeddings [K * (card + 1), C] in bfloat16, a sine table [capacity, C], and buffers
x, mixed [R, C], wide [R, widest] and logits [R, K * card], all in fp32."""


def scratch_layout(rows: int, width: int, widest: int, steps: int) -> dict[str, int]:
    """Offsets into a thread's scratch memory and its size, by the names that they have in `JOB`.

    `widest` is the largest number of a matrix's inputs, `steps` that of slots which one head attends to. With more
    than two rows the threads share the scales and words of the first.
    """
    sizes = {
        "scores_at": 4 * steps,
        "normal_at": 4 * width,
        "totals_at": 4 * rows * CHUNK,
        "scales_at": 4 * rows,
        "words_at": 2 * rows * widest,
    }
    places, end = {}, 0
    for name, size in sizes.items():
        places[name] = end
        end += size + -size % 64
    return places | {"scratch_bytes": end + -end % 4096}
