"""Fixtures that all tests share. AudioCraft and torch are imported only by the tests that ask for a checkpoint."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

import pytest

# Before torch and huggingface_hub are imported, which read these once. Two threads in one tiny matrix product are slower
# than one, much slower on busy cores. No test reaches for the real hub.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what AudioCraft 1.3.0 makes newer libraries warn of; every other warning is an error."""
    weight_norm = "`torch.nn.utils.weight_norm` is deprecated"
    config.addinivalue_line("filterwarnings", f"ignore:{weight_norm}:FutureWarning")


class Checkpoints:
    """Tiny checkpoints with random weights; each is made at its first use, once a session."""

    def __init__(self, folder: Path) -> None:
        """Keep them in `folder`."""
        self._folder = folder

    @cached_property
    def mono(self) -> Path:
        """A folder: four codebooks, text by cross-attention, like facebook/musicgen-small."""
        return self._musicgen("mono")

    @cached_property
    def stereo(self) -> Path:
        """A folder: eight interleaved codebooks, like facebook/musicgen-stereo-small."""
        return self._musicgen("stereo")

    @cached_property
    def melody(self) -> Path:
        """A folder: melody and text prepended, like facebook/musicgen-melody."""
        return self._musicgen("melody")

    @cached_property
    def diffusion(self) -> Path:
        """A file: MultiBand Diffusion for the codec of all of these."""
        from tests import checkpoints

        return checkpoints.build_diffusion(self._folder / "mbd.th")

    def _musicgen(self, variant: str) -> Path:
        from tests import checkpoints

        return checkpoints.build_musicgen(self._folder / variant, variant)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Checkpoints:
    """Give the session's tiny checkpoints."""
    return Checkpoints(tmp_path_factory.mktemp("checkpoints"))
