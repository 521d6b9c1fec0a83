"""Where the threads of a step wait for each other, for compiled code.

OpenMP's own barrier wakes sleepers by a call into the kernel whether or not one sleeps: 9 to 15 us each time, here 0.3
us (docs/engine-log.md). A step has eight in each layer. Here a thread looks for a while, then sleeps, and the last to
come wakes only those that do. To sleep matters on a busy machine: a thread that merely gives way, again and again,
keeps the one that it waits for from getting a core.
"""

import platform
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, register_jitable

from musicgen_api.engine.cpu import forms

BYTES = 128
"""What a barrier takes: a cache line for the number of threads that have come, one for what the waiting look at."""

_TIMES, _SLEEPERS = 64, 68
"""Where in it stands how often all have come, and how many sleep until they have."""

_PATIENCE = 500
"""How often a thread looks before it sleeps: some 10 us (docs/engine-log.md)."""

_ON_LINUX = platform.system() == "Linux"
_FUTEX = 98 if forms.machine() == "aarch64" else 202
_WAIT, _WAKE = 128, 129
"""Linux's number of the call `futex` and of its operations, among the threads of a process (`man 2 futex`)."""

_I32 = ir.IntType(32)

_system_call = types.ExternalFunction("syscall", types.int64(*[types.int64] * 5))
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
def _add(_typing: Any, address: Any, by: Any) -> Any:
    """Add, before all reads and writes that follow; returns what was there."""

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> Any:
        return builder.atomic_rmw("add", _place(builder, arguments[0]), arguments[1], "seq_cst")

    return types.int32(types.int64, types.int32), generate


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
def _sleep(barrier: Any, times: Any) -> None:
    """Until the number of times is another one, which the kernel looks at before it lets a thread sleep."""
    if _ON_LINUX:
        _add(barrier + _SLEEPERS, np.int32(1))
        _system_call(_FUTEX, barrier + _TIMES, _WAIT, np.int64(times), 0)
        _add(barrier + _SLEEPERS, np.int32(-1))
    else:
        _give_way()


@register_jitable
def wait_for_all(barrier: Any, threads: Any) -> None:
    """Wait until every one of the threads has come here. `barrier` is the address of zeros, before its first use."""
    if threads == 1:
        return
    times = _load(barrier + _TIMES)
    if _add(barrier, np.int32(1)) == threads - 1:
        _store(barrier, np.int32(0))
        _add(barrier + _TIMES, np.int32(1))
        if _load(barrier + _SLEEPERS) > 0:
            _system_call(_FUTEX, barrier + _TIMES, _WAKE, threads, 0)
        return
    looks = 0
    while _load(barrier + _TIMES) == times:
        if looks < _PATIENCE:
            looks += 1
            _pause()
        else:
            _sleep(barrier, times)
