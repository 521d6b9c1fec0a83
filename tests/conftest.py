"""Fixtures that all tests share. Only a test that asks for a checkpoint imports AudioCraft and torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pytest

from tests.hub import Hub

# Before torch and huggingface_hub are imported, which read these once. Two threads in one tiny matrix product
# are slower than one, much slower on busy cores. No test reaches for the real hub.
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

        return checkpoints.build_diffusion(self._folder / "diffusion" / "mbd_musicgen_32khz.th")

    @cached_property
    def repositories(self) -> dict[str, Path]:
        """Folders by the ids that the hub has them under; the text encoder is a repository of its own."""
        from tests import checkpoints

        return {
            "facebook/musicgen-small": self._musicgen("mono", "t5-base"),
            "facebook/musicgen-stereo-small": self._musicgen("stereo", "t5-base"),
            "facebook/multiband-diffusion": self.diffusion.parent,
            "google-t5/t5-base": checkpoints.build_text_encoder(
                self._folder / "t5-base", checkpoints.TEXT_WIDTHS["t5-base"]
            ),
        }

    def _musicgen(self, variant: str, text_encoder: str = "t5") -> Path:
        from tests import checkpoints

        folder = self._folder / f"{variant}-{text_encoder}"
        return checkpoints.build_musicgen(folder, variant, text_encoder=text_encoder)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Checkpoints:
    """Give the session's tiny checkpoints."""
    return Checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture
def hub(checkpoints: Checkpoints) -> Iterator[Hub]:
    """Run a model hub that has the tiny checkpoints under the published ids."""
    with Hub(checkpoints.repositories, moved={"t5-base": "google-t5/t5-base"}) as hub:
        yield hub
