"""Runs compiled functions on the thread pool that torch's own operations use.

A second pool would fight with torch's over the cores: its threads spin for a while after each operation. The
pool is that of the OpenMP library which torch links to: GNU's on Linux, LLVM's on macOS, which has GNU's entry points
too. The entry point is the one that GCC's `#pragma omp parallel` becomes (libgomp, "The libgomp ABI").
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
    """The OpenMP library that torch brings along, or None where it brings none."""
    torch_folder = Path(torch.__file__).parent
    folders = (torch_folder / "lib", torch_folder.parent / "torch.libs")  # the latter on ARM
    found = (file for folder in folders for name in ("libgomp*.so*", "libomp*.dylib") for file in folder.glob(name))
    return min(found, default=None)


def load() -> Any:
    """Make the functions below known to compiled code; returns `GOMP_parallel(function, argument, threads, flags)`."""
    path = str(library())
    binding.load_library_permanently(path)
    parallel = ctypes.CDLL(path).GOMP_parallel
    parallel.argtypes, parallel.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint], None
    return parallel


thread_number = types.ExternalFunction("omp_get_thread_num", types.int32())
"""The calling thread's number, from 0."""

thread_count = types.ExternalFunction("omp_get_num_threads", types.int32())
"""How many threads run the function."""
