"""Compiles the step before a model asks for it: on a thread, while the service imports and reads what it needs."""

import logging
import threading

import torch

from musicgen_api.engine.cpu.forms import FormMissing, choose, use
from musicgen_api.engine.cpu.step import compile_step

log = logging.getLogger(__name__)


def compile_ahead(wanted: str, device: str) -> None:
    """Begin to compile the step in the form `wanted`, if a model on `device` (`auto`, `cpu`, ...) can come to need it.

    To be called before AudioCraft is imported: that has Numba compile, which then can do so for no other form.
    """
    if wanted == "off" or device.startswith("cuda") or (device == "auto" and torch.cuda.is_available()):
        return
    try:
        form = choose(wanted)
        use(form)
    except FormMissing as error:
        log.warning("torch's operations decode instead of the compiled step: %s", error)
        return
    threading.Thread(target=compile_step, args=(form,), name="compile the step").start()
