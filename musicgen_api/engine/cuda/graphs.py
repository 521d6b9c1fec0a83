"""A function over fixed buffers, captured once for each size and replayed. Knows nothing of what it computes.

A CUDA graph replays kernels with the addresses and shapes that they had when it was captured. So the function must
read and write tensors that stay where they are, must not wait for the device, and must not mind running twice.
"""

import logging
from collections.abc import Callable

import torch
from torch import Tensor

log = logging.getLogger(__name__)


class CapturedBySize:
    """Runs `function(size)` from graphs, one for each size. Once capturing has failed it runs directly."""

    def __init__(self, function: Callable[[int], Tensor]) -> None:
        self._function = function
        self._graphs: dict[int, tuple[torch.cuda.CUDAGraph, Tensor]] = {}
        self._works = True

    def __call__(self, size: int) -> Tensor:
        """The function's result; it is overwritten by the next call with this size."""
        if self._works and size not in self._graphs:
            self._try_to_capture(size)
        if not self._works:
            return self._function(size)
        graph, result = self._graphs[size]
        graph.replay()
        return result

    def _try_to_capture(self, size: int) -> None:
        try:
            self._graphs[size] = self._capture(size)
        except RuntimeError as error:
            log.warning("CUDA graphs are off: a step over %d slots could not be captured: %s", size, error)
            self._works = False
            self._graphs.clear()

    def _capture(self, size: int) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        """Warm up on a side stream, as torch asks for, then record."""
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            self._function(size)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            result = self._function(size)
        return graph, result
