"""What torch and the system raise when memory runs out or the device is lost -> errors of ours, in one place."""

from __future__ import annotations

import errno
import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from musicgen_api.domain.errors import DeviceLost, OutOfMemory

_NO_MEMORY = re.compile(
    r"can't allocate memory"  # torch's allocator on a CPU
    r"|cannot allocate memory"  # the system, in torch's words: mmap, and safetensors' "os error 12"
    r"|could not create a primitive(?! descriptor)"  # oneDNN; with a descriptor it is something not supported
    r"|std::bad_alloc"
    r"|CU(BLAS|DNN|SOLVER)_STATUS_ALLOC_FAILED"
    r"|CUDA error: out of memory",  # the device still answers
    re.IGNORECASE,
)
"""How libraries that have no class of their own for it say that memory ran out."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, whatever the class that says so."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    return _NO_MEMORY.search(str(error)) is not None


def is_device_failure(error: BaseException) -> bool:
    """Whether memory ran out or the device was lost, rather than something being wrong with what it worked on."""
    return isinstance(error, torch.AcceleratorError) or is_out_of_memory(error)


@contextmanager
def device_failures(what: str) -> Iterator[None]:
    """Turn a lack of memory and a lost device, while doing `what`, into `OutOfMemory` and `DeviceLost`."""
    try:
        yield
    except (RuntimeError, MemoryError, OSError) as error:
        if is_out_of_memory(error):
            raise OutOfMemory(f"Out of memory while {what}. Ask for less music or a smaller model.") from error
        if isinstance(error, torch.AcceleratorError):
            raise DeviceLost(f"The device failed while {what}; the service is restarting.") from error
        raise


def free_memory() -> None:
    """Return unreferenced memory to the system and to the device."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def memory_in_use(device: str) -> dict[str, int]:
    """Bytes of a GPU's memory: its `total`, what all processes have `used`, what this one has `allocated` to tensors.

    `device` is the setting. Empty where no GPU is used, or where it does not answer.
    """
    if device == "cpu" or not torch.cuda.is_available():
        return {}
    index = int(device.partition(":")[2] or 0)
    try:
        free, total = torch.cuda.mem_get_info(index)
        return {"total": total, "used": total - free, "allocated": torch.cuda.memory_allocated(index)}
    except RuntimeError:
        return {}
