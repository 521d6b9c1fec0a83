"""How fast memory is read or copied: the bounds that decoding is compared with."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import numba
import numpy as np
import torch
from numba import carray, types

from musicgen_api.engine.cpu import openmp
from musicgen_api.engine.cpu.arithmetic import pointer

BLOCK = np.dtype([("address", np.int64), ("words", np.int64), ("sums", np.int64)])
"""What is read: so many int64 at an address; each thread leaves the sum of its part."""


def _read(address: Any) -> None:
    """Sum up this thread's part of a `BLOCK`."""
    block = carray(address, (1,))[0]
    thread, threads = openmp.thread_number(), openmp.thread_count()
    words = carray(pointer(block.address), (block.words,), np.int64)
    total = 0
    for word in words[block.words * thread // threads : block.words * (thread + 1) // threads]:
        total += word
    carray(pointer(block.sums), (threads,), np.int64)[thread] = total


@cache
def _compiled_read() -> Any:
    return numba.cfunc(types.void(types.CPointer(numba.from_dtype(BLOCK))))(_read)


class PlainRead:
    """Reads memory and does nothing with it, on the threads that the compiled step runs on."""

    def __init__(self, size_mb: int = 384) -> None:
        self._memory = torch.ones(size_mb << 17, dtype=torch.int64)
        self._parallel, self._function = openmp.load(), _compiled_read()

    def seconds(self, threads: int) -> float:
        """How long one read of all of it takes."""
        sums = torch.zeros(threads, dtype=torch.int64)
        block = np.array([(self._memory.data_ptr(), len(self._memory), sums.data_ptr())], BLOCK)
        began = time.perf_counter()
        self._parallel(self._function.address, block.ctypes.data, threads, 0)
        taken = time.perf_counter() - began
        assert int(sums.sum()) == len(self._memory), "not all of it was read"
        return taken

    def gb_s(self, threads: int, repeats: int = 20) -> float:
        """The best of some reads, in GB/s."""
        return self._memory.nbytes / min(self.seconds(threads) for _ in range(repeats)) / 1e9


def copy_bandwidth_gb_s(size_mb: int = 1024, repeats: int = 20) -> float:
    """Bytes read and written in a second by copies of `size_mb` on a GPU, in GB/s."""
    source = torch.empty(size_mb << 20, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    target.copy_(source)
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(repeats):
        target.copy_(source)
    end.record()
    end.synchronize()
    return 2 * source.nbytes * repeats / start.elapsed_time(end) / 1e6


def print_copy_bandwidth() -> None:
    """Print it."""
    print(f"copy bandwidth: {copy_bandwidth_gb_s():.0f} GB/s")
