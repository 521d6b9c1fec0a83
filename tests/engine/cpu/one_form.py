"""Runs a small model in one form of the compiled step; for a process of its own, since a process has one form.

python -m tests.engine.cpu.one_form avx2 -> {"form": ..., "error": ..., "cache": ...}
"""

from __future__ import annotations

import json
import sys

from musicgen_api.engine import Engine
from tests.engine.random_models import (
    an_architecture,
    logits_along,
    random_weights,
    some_conditions,
    some_steps,
    widened,
)


def main() -> None:
    """Compare the logits with those of the same weights in fp32; the error in parts of their spread."""
    architecture = an_architecture(192)
    weights, conditions = random_weights(architecture), some_conditions(architecture, 2)
    steps = some_steps(architecture, 2, 40)
    decoder = Engine(architecture, weights, step=sys.argv[1])
    exact = logits_along(Engine(architecture, widened(weights)), conditions, steps)
    found = logits_along(decoder, conditions, steps)
    print(json.dumps({"form": decoder.form, "error": float((found - exact).abs().max() / exact.std())}))


if __name__ == "__main__":
    main()
