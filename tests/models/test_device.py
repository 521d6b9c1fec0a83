from __future__ import annotations

import errno

import pytest
import torch

from musicgen_api.domain.errors import Cancelled, DeviceLost, OutOfMemory
from musicgen_api.models.device import device_failures
from tests.helpers.processes import run_python


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: 9 bytes"),
        RuntimeError("could not create a primitive"),
        RuntimeError("unable to mmap 841000000 bytes from file </srv/state_dict.bin>: Cannot allocate memory (12)"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        torch.AcceleratorError("CUDA error: out of memory"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_a_lack_of_memory_says_while_doing_what(error: Exception) -> None:
    with (
        pytest.raises(OutOfMemory, match="Out of memory while generating 30 s with m") as caught,
        device_failures("generating 30 s with m"),
    ):
        raise error
    assert caught.value.__cause__ is error


def test_memory_that_torch_cannot_have_is_a_lack_of_memory() -> None:
    with pytest.raises(OutOfMemory), device_failures("trying"):
        torch.empty(2**60, dtype=torch.uint8)


def test_a_device_that_fails_is_lost() -> None:
    error = torch.AcceleratorError("CUDA error: device-side assert triggered")
    with pytest.raises(DeviceLost, match="The device failed while loading m") as caught, device_failures("loading m"):
        raise error
    assert caught.value.__cause__ is error


STARVED = """
import resource, torch
from pathlib import Path
from musicgen_api.domain.errors import OutOfMemory
from musicgen_api.models.device import device_failures

convolution, sound = torch.nn.Conv1d(64, 64, 7), torch.randn(1, 64, 2000)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used, used))
try:
    with torch.no_grad(), device_failures("decoding"):
        convolution(sound)
except OutOfMemory as error:
    print(error.__cause__)
"""


def test_onednn_that_starves_is_a_lack_of_memory() -> None:
    assert run_python(STARVED) == "could not create a primitive"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("size mismatch"),
        RuntimeError("could not create a primitive descriptor for a matmul primitive"),
        ValueError("no"),
        FileNotFoundError(errno.ENOENT, "No such file"),
        Cancelled("Enough."),
    ],
)
def test_what_is_not_the_device_s_fault_passes(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, device_failures("trying"):
        raise error
    assert caught.value is error
