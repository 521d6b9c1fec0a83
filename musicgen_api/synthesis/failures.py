"""What torch raises -> errors of ours, in one place."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from musicgen_api.errors import DeviceLost, OutOfMemory


def is_device_failure(error: Exception) -> bool:
    """Whether memory ran out or the device was lost, rather than something being wrong with what it worked on."""
    if isinstance(error, torch.OutOfMemoryError | torch.AcceleratorError):
        return True
    return "can't allocate memory" in str(error)  # the CPU allocator has no class of its own


@contextmanager
def device_failures(what: str) -> Iterator[None]:
    """Turn a lack of memory and a lost device, while doing `what`, into `OutOfMemory` and `DeviceLost`."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory(f"Out of memory while {what}. Ask for less music or a smaller model.") from error
    except torch.AcceleratorError as error:
        raise DeviceLost(f"The device failed while {what}; the service is restarting.") from error
    except RuntimeError as error:
        if is_device_failure(error):
            raise OutOfMemory(f"Out of memory while {what}. Ask for less music or a smaller model.") from error
        raise


def free_memory() -> None:
    """Give back what is no longer referenced, to the system and to the device."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
