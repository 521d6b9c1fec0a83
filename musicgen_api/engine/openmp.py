"""Runs compiled functions on the thread pool that torch's own operations use.

A second pool would fight with torch's over the cores: its threads spin for a while after each operation. The
pool is GNU OpenMP's, which torch links to; its entry points are those that GCC's `#pragma omp parallel` and
`#pragma omp barrier` become (libgomp, "The libgomp ABI").
"""

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import torch
from llvmlite import binding
from numba import types


@cache
def library() -> Path | None:
    """The OpenMP library that torch brings along, or None where it brings none or another one."""
    return next(iter(sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*"))), None)


def load() -> Any:
    """Make the functions below known to compiled code; returns `GOMP_parallel(function, argument, threads, flags)`."""
    path = str(library())
    binding.load_library_permanently(path)
    parallel = ctypes.CDLL(path).GOMP_parallel
    parallel.argtypes, parallel.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint], None
    return parallel


barrier = types.ExternalFunction("GOMP_barrier", types.void())
"""Wait until every thread of the running function has come here."""

thread_number = types.ExternalFunction("omp_get_thread_num", types.int32())
"""The calling thread's number, from 0."""

thread_count = types.ExternalFunction("omp_get_num_threads", types.int32())
"""How many threads run the function."""
