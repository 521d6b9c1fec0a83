"""How near the lower precisions are to fp32: top-1 agreement and KL divergence on the bundled model's own music.

    python -m benchmarks.agreement [--seconds 10]

The fp32 engine makes a clip for each prompt; then every precision runs over the same codes, and its guided logits are
compared with those of fp32 at every step and codebook. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json

import torch
from audiocraft.modules.conditioners import ConditioningAttributes
from torch import Tensor

from benchmarks.bundled import load_bundled
from musicgen_api.engine import Conditions, Engine, Sampling
from musicgen_api.engine.pattern import delay_codes
from musicgen_api.engine.sampling import guide
from musicgen_api.generation.conditions import conditions_of
from musicgen_api.models.loaded_model import LoadedModel

PROMPTS = [
    "slow sad piano in a minor key",
    "upbeat techno with strong drums and a deep bass line",
    "calm acoustic guitar, 90 bpm",
    "fast drum solo",
]
GUIDANCE = 3.0
PRECISIONS = ("bf16", "int8")


def engine_of(precision: str) -> tuple[Engine, LoadedModel]:
    """The bundled model's engine in a precision, and the model to make conditions with."""
    model = load_bundled("engine", precision)
    assert model.engine is not None
    return model.engine, model


@torch.inference_mode()
def forced_logits(decoder: Engine, conditions: Conditions, codes: Tensor) -> Tensor:
    """Guided logits [S - 1, K, card] of a decoder that is led along codes [1, K, T]."""
    steps = delay_codes(codes, decoder.architecture.delays, decoder.architecture.card)
    first, (runner,) = decoder.begin(steps, 1, [conditions])
    logits = [guide(first, GUIDANCE)]
    logits += [guide(runner.step(steps[..., step]), GUIDANCE) for step in range(1, steps.shape[-1] - 1)]
    return torch.cat(logits)


def compare(reference: Tensor, other: Tensor) -> tuple[float, float]:
    """Top-1 agreement and the mean KL divergence in nats of `other` from `reference`."""
    agreement = (reference.argmax(-1) == other.argmax(-1)).float().mean().item()
    expected, actual = reference.log_softmax(-1), other.log_softmax(-1)
    return agreement, (expected.exp() * (expected - actual)).sum(-1).mean().item()


def main() -> None:
    """Make the clips in fp32, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10)
    frames = parser.parse_args().seconds * 50
    engines = {precision: engine_of(precision) for precision in ("fp32", *PRECISIONS)}
    engine, model = engines["fp32"]
    nothing = torch.zeros(1, model.lm.n_q, 0, dtype=torch.long)
    found: dict[str, list[tuple[float, float]]] = {precision: [] for precision in PRECISIONS}
    for number, prompt in enumerate(PROMPTS):
        with torch.no_grad():
            (conditions,) = conditions_of(model.lm, [ConditioningAttributes(text={"description": prompt})])
        torch.manual_seed(number)
        made = engine.generate(nothing, [conditions], frames=frames, sampling=Sampling(top_k=250), guidance=GUIDANCE)
        codes = torch.cat(list(made), dim=-1)
        reference = forced_logits(engine, conditions, codes)
        for precision in PRECISIONS:
            logits = forced_logits(engines[precision][0], conditions, codes)
            found[precision].append(compare(reference, logits))
    summary = {}
    for precision, pairs in found.items():
        agreement, divergence = (sum(values) / len(values) for values in zip(*pairs, strict=True))
        summary[precision] = {"top1": round(agreement, 4), "kl_nats": round(divergence, 5)}
        print(f"{precision}: top-1 agreement {agreement:.2%}, KL {divergence:.5f} nats")
    print(json.dumps({"bench": "agreement", "seconds": frames // 50, "prompts": len(PROMPTS), **summary}))


if __name__ == "__main__":
    main()
