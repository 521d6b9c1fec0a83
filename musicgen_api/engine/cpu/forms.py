"""The forms of the compiled step, one for each instruction set: which there are, which run here, which is used.

Numba compiles for one processor in a process, by default for the one at hand. So a form is chosen once; a lower one
than the processor's best has to be chosen before Numba compiles anything.
"""

import ctypes
import platform
from dataclasses import dataclass
from functools import cache
from typing import Literal

from llvmlite import binding
from numba.core import config, registry


class FormMissing(Exception):
    """The step cannot be compiled in this form here. The text says why, in a clause."""


@dataclass(frozen=True)
class Form:
    """How the step's products are made."""

    name: str
    machine: str
    """The processor's family, as LLVM names it in a target triple."""
    cpu: str
    """LLVM's name of a processor to compile for where this form is forced."""
    features: str
    """What it has beyond that, in LLVM's words. No two forms share this text."""
    needs: frozenset[str]
    """LLVM's names of what the processor must have."""
    lanes: int
    """Weights that are multiplied at once."""
    registers: int
    """How many vectors the processor holds."""
    product: Literal["pairs", "planes", "lanes"]
    """See `product.py`."""


def _x86(name: str, cpu: str, features: str, needs: str, lanes: int, registers: int) -> Form:
    return Form(name, "x86_64", cpu, features, frozenset(needs.split()), lanes, registers, "pairs")


FORMS = (
    _x86("avx512-vnni", "x86-64-v4", "+avx512vnni", "avx2 fma avx512bw avx512vl avx512vnni", 32, 32),
    _x86("avx-vnni", "x86-64-v3", "+avxvnni", "avx2 fma avxvnni", 16, 16),
    _x86("avx512", "x86-64-v4", "+avx512bw", "avx2 fma avx512bw avx512vl", 32, 32),
    _x86("avx2", "x86-64-v3", "+avx2", "avx2 fma", 16, 16),
    _x86("sse4.1", "x86-64", "+sse4.1,+ssse3", "sse4.1 ssse3", 8, 16),
    Form("neon-dotprod", "aarch64", "generic", "+neon,+dotprod", frozenset({"dotprod"}), 16, 32, "planes"),
    Form("neon", "aarch64", "generic", "+neon", frozenset(), 8, 32, "lanes"),
)
"""Best first."""


_AT_HWCAP = 16
_ARM_DOT_PRODUCT = 1 << 20
"""HWCAP_ASIMDDP in Linux's asm/hwcap.h."""


def machine() -> str:
    """This processor's family in LLVM's words."""
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())


@cache
def processor_features() -> frozenset[str]:
    """What this processor has, in LLVM's words."""
    found = {name for name, there in binding.get_host_cpu_features().items() if there}
    # LLVM does not say so of the processor at hand. Linux does; all of Apple's have it.
    if machine() == "aarch64" and (platform.system() == "Darwin" or _hardware_capabilities() & _ARM_DOT_PRODUCT):
        found.add("dotprod")
    return frozenset(found)


def has_bfloat16_products() -> bool:
    """Whether this processor multiplies bfloat16; where it does not, torch takes three times as long as for fp32."""
    return not processor_features().isdisjoint({"avx512bf16", "amx-bf16", "bf16"})


def _hardware_capabilities() -> int:
    """What Linux tells each process of its processor (`man getauxval`), as bits."""
    getauxval = ctypes.CDLL(None).getauxval
    getauxval.argtypes, getauxval.restype = [ctypes.c_ulong], ctypes.c_ulong
    return int(getauxval(_AT_HWCAP))


@cache
def runnable() -> tuple[Form, ...]:
    """The forms that this processor can run, best first."""
    return tuple(form for form in FORMS if form.machine == machine() and form.needs <= processor_features())


def choose(wanted: str) -> Form:
    """The form that `wanted` means: its name, or `auto` for the best.

    Raises:
        FormMissing: this processor cannot run it.
    """
    here = runnable()
    if not here:
        raise FormMissing(f"it has no form for this processor ({machine()})")
    if wanted == "auto":
        return here[0]
    form = next((form for form in here if form.name == wanted), None)
    if form is None:
        raise FormMissing(f"this processor cannot run its form {wanted}, only {', '.join(form.name for form in here)}")
    return form


_used: list[Form] = []


def use(form: Form) -> None:
    """Let Numba compile for `form` from now on, in the whole process.

    Raises:
        FormMissing: Numba already compiles for another one.
    """
    if _used and _used[0] != form:
        raise FormMissing(f"its form {form.name} comes too late, this process has it in {_used[0].name}")
    if form != runnable()[0]:
        config.CPU_NAME, config.CPU_FEATURES = form.cpu, form.features
        if registry.cpu_target.target_context.codegen().magic_tuple()[2] != form.features:
            raise FormMissing(f"its form {form.name} comes too late, Numba already compiles for this very processor")
    elif "dotprod" in form.needs:  # Numba would compile for what LLVM says of this processor
        config.CPU_FEATURES = ",".join(filter(None, [binding.get_host_cpu_features().flatten(), "+dotprod"]))
    _used[:] = [form]


def used() -> Form:
    """The form that is compiled for."""
    return _used[0]
