"""What every stage shares: the build folder, the device, learning rates, and checkpoints to resume from.

Draws of random data are functions of (seed, step), so a resumed run sees what an unbroken one would have seen.
"""

import logging
import math
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from tqdm import tqdm

ROOT: Final = Path(__file__).resolve().parent.parent
BUILD: Final = ROOT / "build" / "training"
CODEC: Final = BUILD / "codec.pt"
TEXT_ENCODER: Final = BUILD / "t5"
TOKENS: Final = BUILD / "tokens"
LANGUAGE_MODEL: Final = BUILD / "language_model.pt"

log = logging.getLogger("training")


def start(stage: str) -> torch.device:
    """Set up the log (stderr and `build/training/<stage>.log`) and the seed; returns the device."""
    BUILD.mkdir(parents=True, exist_ok=True)
    handlers = [logging.StreamHandler(), logging.FileHandler(BUILD / f"{stage}.log")]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", handlers=handlers)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def generator(seed: int, step: int) -> np.random.Generator:
    """The random numbers of one step."""
    return np.random.default_rng((seed, step))


class SharedCores:
    """Keeps the number of threads at what the machine has to spare.

    Two threads on cores that others use wait for each other at every operation: measured, a step then took eight times
    as long as with one. Every few seconds this looks at what all other processes used and sets torch's threads.
    """

    def __init__(self, interval_s: float = 3.0) -> None:
        self.cores = torch.get_num_threads()  # OMP_NUM_THREADS, or all cores
        self.interval_s = interval_s
        self._last = self._sample()

    @staticmethod
    def _sample() -> tuple[float, float, float]:
        """Clock, seconds that all cores together were busy, seconds that this process was.

        Linux alone tells the former; elsewhere nobody else seems to use the machine.
        """
        times = os.times()
        busy = own = times.user + times.system
        with suppress(FileNotFoundError):
            user, nice, system, *_ = (int(field) for field in Path("/proc/stat").read_text().split()[1:8])
            busy = (user + nice + system) / os.sysconf("SC_CLK_TCK")
        return time.monotonic(), busy, own

    def tick(self) -> None:
        """Call once a step."""
        elapsed = time.monotonic() - self._last[0]
        if elapsed < self.interval_s:
            return
        clock, busy, own = self._sample()
        others = (busy - self._last[1] - (own - self._last[2])) / elapsed
        self._last = clock, busy, own
        torch.set_num_threads(max(1, self.cores - math.ceil(others - 0.25)))


def half_precision(device: torch.device) -> AbstractContextManager[Any]:
    """Autocast to bfloat16: about twice as fast on CPUs that have it, and what GPUs want."""
    return torch.autocast(device.type, torch.bfloat16)


def learning_rate(step: int, steps: int, peak: float, *, warm_up: int = 50, flat: float = 0.4) -> float:
    """Linear warm-up, a flat part, then a cosine down to 3 % of the peak."""
    if step < warm_up:
        return peak * (step + 1) / warm_up
    progress = max(0.0, step / steps - flat) / (1 - flat)
    return peak * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def count_steps(first: int, steps: int, stage: str) -> Iterator[int]:
    """The steps still to do, with a progress bar, on as many cores as are free."""
    cores = SharedCores()
    for step in tqdm(range(first, steps), initial=first, total=steps, desc=stage, mininterval=5):
        cores.tick()
        yield step


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that a killed run leaves the old one or the new one, never half of it."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def load(path: Path, device: torch.device) -> dict[str, Any] | None:
    """The checkpoint, or None where there is none yet."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state
