"""Fixtures that all tests share. Only a test that asks for a checkpoint imports AudioCraft and torch."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from weakref import WeakSet

import pytest
from hypothesis import settings
from tqdm import tqdm

from musicgen_api import environment
from musicgen_api.jobs.gpu_thread import GpuThread
from tests.helpers.hub import Hub
from tests.helpers.server import Server, wait_until

# Before torch and huggingface_hub are imported, which read these once. Two threads in one tiny matrix product
# are slower than one, much slower on busy cores. No test reaches for the real hub.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
environment.settle()


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what AudioCraft 1.3.0 makes newer libraries warn of; every other warning is an error."""
    weight_norm = "`torch.nn.utils.weight_norm` is deprecated"
    config.addinivalue_line("filterwarnings", f"ignore:{weight_norm}:FutureWarning")
    settings.register_profile("bounded", max_examples=50, deadline=None)  # busy cores are no defect
    settings.load_profile("bounded")
    tqdm.monitor_interval = 0  # no thread that watches over progress bars for the rest of the process


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name values as they are written, and sets in one order: processes that share the tests must name them alike."""
    if isinstance(val, set | frozenset):
        return f"{{{', '.join(sorted(map(repr, val)))}}}"
    return str(val) if isinstance(val, dict) else None


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
    def audiogen(self) -> Path:
        """A folder: sounds at 16 kHz in windows of 10 s, like facebook/audiogen-medium."""
        return self._musicgen("audiogen")

    @cached_property
    def magnet(self) -> Path:
        """A folder: pieces of 3 s at once, else like facebook/magnet-small-10secs."""
        return self._musicgen("magnet")

    @cached_property
    def slow(self) -> Path:
        """A folder: wide enough to take its time for a step, about as long as facebook/musicgen-small on a GPU."""
        return self._musicgen("mono", width=768)

    @cached_property
    def diffusion(self) -> Path:
        """A file: MultiBand Diffusion for the codec of all of these."""
        from tests.helpers import checkpoints

        return checkpoints.build_diffusion(self._folder / "diffusion" / "mbd_musicgen_32khz.th")

    @cached_property
    def repositories(self) -> dict[str, Path]:
        """Folders by the ids that the hub has them under.

        Like the published models these have codebooks of 2048 entries and `t5-base`, a repository of its own.
        """
        from tests.helpers import checkpoints

        return {
            "facebook/musicgen-small": self._musicgen("mono", published=True),
            "facebook/musicgen-stereo-small": self._musicgen("stereo", published=True),
            "facebook/multiband-diffusion": self.diffusion.parent,
            "google-t5/t5-base": checkpoints.build_text_encoder(
                self._folder / "t5-base", checkpoints.TEXT_WIDTHS["t5-base"]
            ),
        }

    def _musicgen(self, variant: str, *, width: int = 32, published: bool = False) -> Path:
        from tests.helpers import checkpoints

        if not published:
            return checkpoints.build_musicgen(self._folder / f"{variant}-{width}", variant, width=width)
        return checkpoints.build_musicgen(
            self._folder / f"published-{variant}", variant, text_encoder="t5-base", codebook_size=2048
        )


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Checkpoints:
    """Give the session's tiny checkpoints."""
    return Checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="session")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a tiny translation model, which knows a few sentences by heart."""
    from tests.helpers.translators import build_translator

    return build_translator(tmp_path_factory.mktemp("translator") / "opus")


@pytest.fixture
def hub(checkpoints: Checkpoints) -> Iterator[Hub]:
    """Run a model hub that has the tiny checkpoints under the published ids."""
    with Hub(checkpoints.repositories, moved={"t5-base": "google-t5/t5-base"}) as hub:
        yield hub


@pytest.fixture(autouse=True)
def nothing_left_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hold every test to it: in the end the lock of each GPU thread is free and no thread is left."""
    gpu_threads: WeakSet[GpuThread] = WeakSet()
    start = GpuThread.start

    def start_and_remember(self: GpuThread) -> None:
        gpu_threads.add(self)
        start(self)

    monkeypatch.setattr(GpuThread, "start", start_and_remember)
    before = set(threading.enumerate())
    yield
    wait_until(lambda: not any(thread.busy for thread in gpu_threads), why="the lock to be free")
    left = set(threading.enumerate()) - before
    wait_until(lambda: not any(thread.is_alive() for thread in left if thread.name != "hub"), why=f"{left} to end")


@pytest.fixture(scope="session")
def running_server(
    checkpoints: Checkpoints, translator: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Run the service once for the session, on tiny checkpoints."""
    environment = {
        "MUSICGEN_DEFAULT_MODEL": "test/mono",
        "MUSICGEN_MODELS": ",".join(
            f"test/{variant}={getattr(checkpoints, variant)}" for variant in ["mono", "stereo", "melody", "slow"]
        ),
        "MUSICGEN_MAX_MODELS": "4",
        "MUSICGEN_TRANSLATORS": f"fr={translator}",
        "MUSICGEN_MBD": str(checkpoints.diffusion),
        "MUSICGEN_MELODY_SEPARATION": "none",
        # One heap, large blocks returned at once: the size of the process tells what it holds.
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_THRESHOLD_": "131072",
    }
    with Server(environment, tmp_path_factory.mktemp("server") / "log") as server:
        server.wait_until_ready()
        yield server


@pytest.fixture
def server(running_server: Server) -> Iterator[Server]:
    """Lend the session's service to a test, which must leave it free and with the same processes."""
    running_server.wait_until_free()
    workers = running_server.worker_pids
    yield running_server
    running_server.wait_until_free()
    assert running_server.worker_pids == workers
