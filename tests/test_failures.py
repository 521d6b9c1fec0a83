from __future__ import annotations

import pytest
import torch

from musicgen_api.errors import Cancelled, DeviceLost, OutOfMemory
from musicgen_api.synthesis.failures import device_failures


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: 9 bytes"),
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


@pytest.mark.parametrize("error", [RuntimeError("size mismatch"), ValueError("no"), Cancelled("Enough.")])
def test_what_is_not_the_device_s_fault_passes(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, device_failures("trying"):
        raise error
    assert caught.value is error
