"""A long call of a network that can be stopped in the middle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from torch import nn


@contextmanager
def interruptible(network: nn.Module, check: Callable[[], None]) -> Iterator[None]:
    """Call `check` before each part of `network` runs, down to the smallest; what it raises ends the network's call.

    A layer's matrix product is then the longest that anybody waits. Nothing stays on the network afterwards.
    """
    with ExitStack() as hooks:
        for part in network.modules():
            hooks.callback(part.register_forward_pre_hook(lambda module, inputs: check()).remove)
        yield
