"""What AudioCraft takes from xFormers, in torch's own operations.

AudioCraft 1.3.0 imports `xformers.ops` (modules/transformer.py), whose wheels exist for one platform only. It uses
`unbind` and the class of a causal mask. It also checks that `memory_efficient_attention` is there, and calls it only
where its attention backend is `xformers`, as MAGNeT sets it. This module is `xformers.ops` for the whole process.

A real xFormers is passed over, if one is installed: the lock names none, so nothing was tested with it, and with
AudioCraft's default backend it computes nothing.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class LowerTriangularMask:
    """Stands for the mask with which step t sees the steps up to t. To AudioCraft, any mask means a causal one."""


def unbind(x: Tensor, dim: int) -> tuple[Tensor, ...]:
    """The parts of `x` along `dim`, as views."""
    return x.unbind(dim)


def memory_efficient_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_bias: LowerTriangularMask | Tensor | None = None, p: float = 0.0
) -> Tensor:
    """Attention in xFormers' layout.

    Args:
        query: [B, T, heads, head width]; so are `key` and `value`.
        attn_bias: the causal mask, or numbers [B, heads, T, T] to add to the scores.
        p: the share of the weights that dropout takes away.

    Returns:
        [B, T, heads, head width].
    """
    # Not at the top: this module is imported with the package, long before torch may be.
    from torch.nn.functional import scaled_dot_product_attention

    q, k, v = (x.transpose(1, 2) for x in (query, key, value))
    if isinstance(attn_bias, LowerTriangularMask):
        attended = scaled_dot_product_attention(q, k, v, dropout_p=p, is_causal=True)
    else:
        attended = scaled_dot_product_attention(q, k, v, attn_bias, dropout_p=p)
    return attended.transpose(1, 2)


def register() -> None:
    """Make this module what `from xformers import ops` finds. To be called before AudioCraft is imported."""
    ops = sys.modules[__name__]
    package = ModuleType("xformers", "See musicgen_api/xformers_stand_in.py.")
    package.__spec__ = ModuleSpec("xformers", None)
    package.__dict__["ops"] = ops
    # It has no __path__, so that no other part of a real xFormers can be imported: AudioCraft's profiler finds none.
    sys.modules |= {"xformers": package, "xformers.ops": ops}
