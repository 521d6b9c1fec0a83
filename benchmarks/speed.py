"""How fast music is generated: AudioCraft, transformers and the engine side by side, each in a process of its own.

    python -m benchmarks.speed            # musicgen-small's shape and the bundled model, 10 s and 30 s, on the CPU
    python -m benchmarks.speed --quick    # small's shape, 10 s, in under two minutes
    python -m benchmarks.speed --gpu      # small, medium and large in fp16, the graph on and off, and copy bandwidth
    python -m benchmarks.speed --quick --avx2   # everybody held to AVX2, as on a processor that has no more

A case that takes longer than its time budget is stopped there, and its rate is that of the steps done so far. Steps get
slower as a clip gets longer, AudioCraft's most, so a ratio from a stopped case is too low rather than too high.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

STEPS_PER_SECOND = 50
"""Of music: a codec frame each 20 ms."""

AVX2_ONLY = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "NUMBA_CPU_NAME": "x86-64-v3",
    "NUMBA_CPU_FEATURES": "+avx2",
}
"""Holds torch, oneDNN, MKL and Numba to AVX2. AudioCraft imports Numba before the engine could choose."""

TAKES = (1, 2, 4, 8)
"""So many at once are compared, in int8 over 10 s of music."""


@dataclass(frozen=True)
class Case:
    """What one process measures."""

    decoder: str
    precision: str
    shape: str
    seconds: int
    device: str = "cpu"
    songs: int = 1
    step: str = "auto"

    def run(self, budget_s: float) -> dict[str, Any]:
        """Measure in a process of its own; what it says on failure becomes the result."""
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.one_case", json.dumps(vars(self)), str(budget_s)]
        environment = os.environ | (AVX2_ONLY if self.step == "avx2" else {})
        finished = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if finished.returncode:
            last = (finished.stderr.strip().splitlines() or ["no message"])[-1]
            return {"error": last}
        return json.loads(finished.stdout.strip().splitlines()[-1])


def cpu_cases(shapes: list[str], seconds: list[int], precisions: list[str]) -> Iterator[Case]:
    """Every decoder in every precision that it has on a CPU."""
    for shape in shapes:
        for length in seconds:
            yield Case("audiocraft", "fp32", shape, length)
            for precision in precisions:
                yield Case("engine", precision, shape, length)
            if shape.startswith("musicgen"):
                for precision in ("fp32", "bf16"):
                    yield Case("transformers", precision, shape, length)


def take_cases(shapes: list[str]) -> Iterator[Case]:
    """Takes of one song that are decoded together."""
    for shape in shapes:
        for songs in TAKES[1:]:
            yield Case("engine", "int8", shape, 10, songs=songs)


def quick_cases() -> list[Case]:
    """The three that the quick line needs."""
    shape, seconds = "musicgen-small", 10
    return [
        Case("audiocraft", "fp32", shape, seconds),
        Case("transformers", "bf16", shape, seconds),
        Case("engine", "int8", shape, seconds),
    ]


def gpu_cases(seconds: list[int]) -> Iterator[Case]:
    """AudioCraft, transformers, and the engine with and without graphs."""
    for shape in ("musicgen-small", "musicgen-medium", "musicgen-large"):
        for length in seconds:
            for decoder in ("audiocraft", "transformers", "engine", "engine-no-graphs"):
                yield Case(decoder, "fp16", shape, length, "cuda")


def print_machine(device: str) -> None:
    """Say what the figures were measured on."""
    import torch
    import transformers
    from audiocraft import __version__ as audiocraft_version

    print(f"machine: {_processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.platform()}")
    if device == "cuda":
        print(f"GPU: {torch.cuda.get_device_name()}, CUDA {torch.version.cuda}")
    print(
        f"versions: python {platform.python_version()}, torch {torch.__version__},"
        f" audiocraft {audiocraft_version}, transformers {transformers.__version__}"
    )


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"


HEADER = (
    f"{'decoder':<17}{'precision':<10}{'shape':<17}{'takes':>6}{'music':>6}{'steps':>7}{'steps/s':>9}{'x real':>8}"
    f"{'ratio':>7}{'build s':>9}{'warm-up s':>10}{'first ms':>9}{'weights MB':>11}{'peak MB':>9}"
)


def table_row(case: Case, result: dict[str, Any], reference: float | None) -> str:
    """One line of the table."""
    start = f"{case.decoder:<17}{case.precision:<10}{case.shape:<17}{case.songs:>6}{case.seconds:>4} s"
    if "error" in result:
        return f"{start}  {result['error']}"
    rate = result["steps_per_s"]
    ratio = f"{rate / reference:>6.1f}x" if reference else f"{'':>7}"
    return (
        f"{start}{result['steps']:>7}{rate:>9.1f}{rate / STEPS_PER_SECOND:>8.2f}{ratio}"
        f"{result['build_s']:>9.1f}{result['warm_up_s']:>10.2f}{result['first_step_ms']:>9.0f}"
        f"{result['weights_mb']:>11.0f}{result['peak_mb']:>9.0f}"
    )


def measure(cases: list[Case], budget_s: float) -> dict[Case, dict[str, Any]]:
    """Run all cases one after the other and print the table as it grows."""
    results: dict[Case, dict[str, Any]] = {}
    print(HEADER, flush=True)
    for case in cases:
        results[case] = case.run(budget_s)
        reference = _rate(results, "audiocraft", case.shape, case.seconds) if case.songs == 1 else None
        print(table_row(case, results[case], reference), flush=True)
    return results


def _rate(results: dict[Case, dict[str, Any]], decoder: str, shape: str, seconds: int) -> float | None:
    """The best rate of a decoder over all its precisions."""
    rates = [
        result["steps_per_s"]
        for case, result in results.items()
        if (case.decoder, case.shape, case.seconds, case.songs) == (decoder, shape, seconds, 1)
        and "error" not in result
    ]
    return max(rates, default=None)


def summary(results: dict[Case, dict[str, Any]], shape: str, seconds: int) -> dict[str, Any]:
    """The line for one shape and length."""
    audiocraft, transformers, engine = (
        _rate(results, decoder, shape, seconds) for decoder in ("audiocraft", "transformers", "engine")
    )
    return {
        "bench": "decode",
        "shape": shape,
        "seconds": seconds,
        "audiocraft_steps_per_s": _rounded(audiocraft),
        "transformers_steps_per_s": _rounded(transformers),
        "engine_steps_per_s": _rounded(engine),
        "ratio": _rounded(engine / audiocraft if engine and audiocraft else None),
        "real_time_factor": _rounded(engine / STEPS_PER_SECOND if engine else None),
        **_bound(results, shape, seconds),
        **_takes(results, shape, seconds),
    }


def _bound(results: dict[Case, dict[str, Any]], shape: str, seconds: int) -> dict[str, Any]:
    """What memory allows at the beginning of a clip, where the compiled step decoded it."""
    result = _int8(results, shape, seconds)
    if "form" not in result:
        return {}
    numbers = {name: _rounded(result[name]) for name in ("read_gb_s", "bound_steps_per_s", "fraction_of_bound")}
    return {"form": result["form"], "bytes_per_step": result["bytes_per_step"], **numbers}


def _takes(results: dict[Case, dict[str, Any]], shape: str, seconds: int) -> dict[str, Any]:
    """Song-steps/s of so many takes at once, if they were measured."""
    found = {songs: _int8(results, shape, seconds, songs) for songs in TAKES}
    if not all("steps_per_s" in result for result in found.values()):
        return {}
    return {"takes_song_steps_per_s": {n: _rounded(n * result["steps_per_s"]) for n, result in found.items()}}


def _int8(results: dict[Case, dict[str, Any]], shape: str, seconds: int, songs: int = 1) -> dict[str, Any]:
    """What the engine's int8 gave, or nothing."""
    wanted = ("engine", "int8", shape, seconds, songs)
    found = (r for c, r in results.items() if (c.decoder, c.precision, c.shape, c.seconds, c.songs) == wanted)
    return next(found, {})


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small's shape, 10 s, under two minutes")
    parser.add_argument("--gpu", action="store_true", help="the published shapes in fp16 on the first GPU")
    parser.add_argument("--shapes", nargs="+", default=["musicgen-small", "bundled"])
    parser.add_argument("--seconds", nargs="+", type=int, default=[10, 30])
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16", "int8"])
    parser.add_argument("--avx2", action="store_true", help="hold everybody to AVX2")
    parser.add_argument("--budget-s", type=float, default=None, help="longest time for one case")
    return parser.parse_args()


def main() -> None:
    """Measure what the command line asks for; the last line is JSON, and so is one line for each other case."""
    options = parse()
    print_machine("cuda" if options.gpu else "cpu")
    if options.quick:
        cases, budget_s = quick_cases(), 15.0
    elif options.gpu:
        from benchmarks.bandwidth import print_copy_bandwidth

        print_copy_bandwidth()
        cases, budget_s = list(gpu_cases(options.seconds)), 120.0
    else:
        cases, budget_s = list(cpu_cases(options.shapes, options.seconds, options.precisions)), 120.0
        if 10 in options.seconds and "int8" in options.precisions:
            cases += take_cases(options.shapes)
    if options.avx2:
        cases = [replace(case, step="avx2") for case in cases]
    results = measure(cases, options.budget_s or budget_s)
    groups = list(dict.fromkeys((case.shape, case.seconds) for case in cases))
    for shape, seconds in reversed(groups):
        print(json.dumps(summary(results, shape, seconds)))


if __name__ == "__main__":
    main()
