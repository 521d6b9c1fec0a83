"""Where the threads of a step wait for each other, for compiled code.

OpenMP's own barrier wakes sleepers by a call into the kernel whether or not one sleeps: 9 to 15 us each time, here 0.3
us (docs/engine-log.md). A step has eight in each layer.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, register_jitable

from musicgen_api.engine.cpu import forms

BYTES = 128
"""What a barrier takes: a cache line for the number of threads that have come, one for the number of times."""

_PATIENCE = 2000
"""How often a thread looks before it gives way to others that want its core: some 50 us."""

_I32 = ir.IntType(32)

_give_way = types.ExternalFunction("sched_yield", types.int32())


def _place(builder: ir.IRBuilder, address: ir.Value) -> ir.Value:
    return builder.inttoptr(address, ir.PointerType(_I32))


@intrinsic
def _load(_typing: Any, address: Any) -> Any:
    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(_place(builder, arguments[0]), "acquire", 4)

    return types.int32(types.int64), generate


@intrinsic
def _store(_typing: Any, address: Any, value: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> Any:
        builder.store_atomic(arguments[1], _place(builder, arguments[0]), "release", 4)
        return context.get_dummy_value()

    return types.void(types.int64, types.int32), generate


@intrinsic
def _count(_typing: Any, address: Any) -> Any:
    """Add one; returns what was there."""

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> Any:
        return builder.atomic_rmw("add", _place(builder, arguments[0]), _I32(1), "acq_rel")

    return types.int32(types.int64), generate


@intrinsic
def _pause(_typing: Any) -> Any:
    """Tell the processor that this is a loop which waits."""

    def generate(context: Any, builder: ir.IRBuilder, _signature: Any, _arguments: Any) -> Any:
        arm = forms.used().machine == "aarch64"
        name, kinds = ("llvm.aarch64.hint", (_I32,)) if arm else ("llvm.x86.sse2.pause", ())
        pause = builder.module.declare_intrinsic(name, (), ir.FunctionType(ir.VoidType(), kinds))
        builder.call(pause, [_I32(1)] if arm else [])
        return context.get_dummy_value()

    return types.void(), generate


@register_jitable
def wait_for_all(barrier: Any, threads: Any) -> None:
    """Wait until every one of the threads has come here. `barrier` is the address of zeros, before its first use."""
    if threads == 1:
        return
    times = _load(barrier + 64)
    if _count(barrier) == threads - 1:
        _store(barrier, np.int32(0))
        _store(barrier + 64, np.int32(times + 1))
        return
    looks = 0
    while _load(barrier + 64) == times:
        if looks < _PATIENCE:
            looks += 1
            _pause()
        else:
            _give_way()
