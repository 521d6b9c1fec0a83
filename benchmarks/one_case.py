"""Measures one case of `benchmarks.speed` in this process and prints it as a JSON line."""

from __future__ import annotations

import contextlib
import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from benchmarks.bandwidth import PlainRead
from benchmarks.models import FRAMES_PER_SECOND, SHAPES, TEXT_STEPS, described_song, random_language_model
from musicgen_api.engine import Engine

Step = Callable[[], None]
Generate = Callable[[int, Step], None]
"""Generates that many frames of codes and calls back after each step."""

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "int8": torch.float32}


class BudgetSpent(Exception):
    """The case has run for as long as it may."""


@dataclass
class Clock:
    """Takes the time of every step, waiting for the device."""

    budget_s: float
    device: torch.device
    began: float = field(default_factory=time.perf_counter)
    times: list[float] = field(default_factory=list)

    def __call__(self) -> None:
        """One step is done."""
        if self.device.type == "cuda" and len(self.times) < 2:
            torch.cuda.synchronize()
        self.times.append(time.perf_counter())
        if self.times[-1] - self.began > self.budget_s:
            raise BudgetSpent

    def finish(self) -> None:
        """Wait for what was started."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()
            self.times[-1] = time.perf_counter()

    @property
    def steps_per_s(self) -> float:
        """Over all steps but the first, which has the start-up in it."""
        return (len(self.times) - 1) / (self.times[-1] - self.times[0])

    @property
    def first_steps_per_s(self) -> float:
        """The same over the first second of music."""
        first = self.times[: FRAMES_PER_SECOND + 1]
        return (len(first) - 1) / (first[-1] - first[0])


@dataclass(frozen=True)
class Built:
    """A decoder that is ready."""

    generate: Generate
    weight_bytes: int
    engine: Engine | None = None


def audiocraft(shape: str, dtype: torch.dtype, device: torch.device, songs: int) -> Built:
    """AudioCraft's own `lm.generate`."""
    lm = _language_model(shape, dtype, device)

    def generate(frames: int, step: Step) -> None:
        with torch.autocast(device.type, torch.float16, enabled=device.type == "cuda"):  # as `models/genmodel.py` does
            lm.generate(None, songs * described_song(), max_gen_len=frames, callback=lambda done, total: step())

    return Built(generate, _nbytes(lm))


def engine(
    shape: str, precision: str, device: torch.device, songs: int, *, step: str = "auto", cuda_graphs: bool = True
) -> Built:
    """The engine with the same weights; AudioCraft's copy of them is given back."""
    from musicgen_api.engine import Sampling
    from musicgen_api.generation.conditions import conditions_of
    from musicgen_api.models.engine_weights import engine_for

    lm = _language_model(shape, torch.float32 if device.type == "cpu" else DTYPES[precision], device)
    decoder = engine_for(lm, lm.state_dict(), precision, device, step=step, cuda_graphs=cuda_graphs)
    for part in (lm.emb, lm.transformer, lm.out_norm, lm.linears):
        part.to("meta")
    gc.collect()
    nothing = torch.zeros(songs, lm.n_q, 0, dtype=torch.long, device=device)
    how: Any = {"sampling": Sampling(top_k=250), "guidance": 3.0}

    def generate(frames: int, on_step: Step) -> None:
        with torch.no_grad(), torch.autocast(device.type, torch.float16, enabled=device.type == "cuda"):
            conditions = conditions_of(lm, songs * described_song())
        for _ in decoder.generate(nothing, conditions, frames=frames, on_step=on_step, **how):
            pass

    return Built(generate, decoder.weights.nbytes, decoder)


def transformers(shape: str, dtype: torch.dtype, device: torch.device) -> Built:
    """The decoder of transformers' MusicGen: same size, static delay mask, its own cache."""
    from transformers import LogitsProcessor, LogitsProcessorList, MusicgenForCausalLM
    from transformers.models.musicgen.configuration_musicgen import MusicgenDecoderConfig

    size = SHAPES[shape]
    config = MusicgenDecoderConfig(
        vocab_size=size.card,
        hidden_size=size.width,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        ffn_dim=4 * size.width,
        num_codebooks=size.codebooks,
        dropout=0.0,
    )
    with torch.device(device):
        model = MusicgenForCausalLM(config).to(dtype).eval()
    for name in ("pad_token_id", "bos_token_id", "decoder_start_token_id"):
        setattr(model.generation_config, name, size.card)
    condition = torch.randn(2, TEXT_STEPS, size.width, device=device, dtype=dtype)
    condition[1] = 0.0
    start = torch.full((size.codebooks, 1), size.card, device=device)

    def generate(frames: int, step: Step) -> None:
        class Counter(LogitsProcessor):
            def __call__(self, input_ids: Any, scores: Any) -> Any:
                step()
                return scores

        model.generate(
            start,
            encoder_hidden_states=condition,
            guidance_scale=3.0,
            do_sample=True,
            top_k=250,
            max_length=frames + size.codebooks,
            num_return_sequences=1,
            logits_processor=LogitsProcessorList([Counter()]),
        )

    return Built(generate, _nbytes(model))


def _language_model(shape: str, dtype: torch.dtype, device: torch.device) -> Any:
    if shape == "bundled":
        from benchmarks.bundled import bundled_language_model

        return bundled_language_model()
    return random_language_model(SHAPES[shape], device, dtype)


def _nbytes(module: torch.nn.Module) -> int:
    return sum(parameter.nbytes for parameter in module.parameters())


def reset_peak() -> None:
    """Let the process's peak memory start anew, where Linux can do that."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def peak_mb(device: torch.device) -> float:
    """Peak memory: of the process on a CPU (resident, mapped files included), of the allocator on a GPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    try:
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000
    except FileNotFoundError:  # macOS, which counts bytes here
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def build(case: dict[str, Any], device: torch.device) -> Built:
    """Make the decoder that the case names."""
    decoder, shape, precision, songs = (case[name] for name in ("decoder", "shape", "precision", "songs"))
    if decoder == "audiocraft":
        return audiocraft(shape, DTYPES[precision], device, songs)
    if decoder == "transformers":
        return transformers(shape, DTYPES[precision], device)
    return engine(shape, precision, device, songs, step=case["step"], cuda_graphs=decoder == "engine")


def measure(case: dict[str, Any], budget_s: float) -> dict[str, Any]:
    """Build, warm up with eight frames, then time the clip."""
    device = torch.device(case["device"])
    began = time.perf_counter()
    built = build(case, device)
    build_s = time.perf_counter() - began
    warm_up = _timed(built.generate, 8, budget_s, device)
    reset_peak()
    clock = _timed(built.generate, case["seconds"] * FRAMES_PER_SECOND, budget_s, device)
    result = {
        "steps": len(clock.times),
        "steps_per_s": clock.steps_per_s,
        "first_step_ms": (clock.times[0] - clock.began) * 1000,
        "warm_up_s": warm_up.times[-1] - warm_up.began,
        "build_s": build_s,
        "weights_mb": built.weight_bytes / 1e6,
        "peak_mb": peak_mb(device),
    }
    if built.engine is not None and built.engine.form is not None:
        result |= bound(built.engine, case["songs"], clock)
    return result


def bound(decoder: Engine, songs: int, clock: Clock) -> dict[str, Any]:
    """How near the beginning of the clip is to what memory allows: all bytes of a step, read and nothing else."""
    read_gb_s = PlainRead().gb_s(torch.get_num_threads())
    step_bytes = bytes_per_step(decoder, songs, position=FRAMES_PER_SECOND // 2)
    bound_steps_per_s = read_gb_s * 1e9 / step_bytes
    return {
        "form": decoder.form,
        "read_gb_s": read_gb_s,
        "bytes_per_step": step_bytes,
        "bound_steps_per_s": bound_steps_per_s,
        "fraction_of_bound": clock.first_steps_per_s / bound_steps_per_s,
    }


def bytes_per_step(decoder: Engine, songs: int, position: int) -> int:
    """What a compiled step with guidance reads: the caches, and the matrices that it multiplies with."""
    a, weights = decoder.architecture, decoder.weights
    unread = {id(linear) for layer in weights.layers if layer.cross for linear in (layer.cross.key, layer.cross.value)}
    matrices = sum(linear.nbytes for linear in weights.linears if id(linear) not in unread)
    cached_steps = 2 * songs * position + songs * TEXT_STEPS
    return matrices + cached_steps * a.layers * 2 * a.width * 2  # keys and values, 2 bytes each


def _timed(generate: Generate, frames: int, budget_s: float, device: torch.device) -> Clock:
    torch.manual_seed(0)
    clock = Clock(budget_s, device)
    with contextlib.suppress(BudgetSpent):
        generate(frames, clock)
    clock.finish()
    return clock


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]), float(sys.argv[2]))))
