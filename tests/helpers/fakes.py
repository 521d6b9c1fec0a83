"""Stand-ins, written by hand, for the neighbours of what a test is about. None of them imports torch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from flask.testing import FlaskClient

from musicgen_api import create_app
from musicgen_api.audio.wav import encode_wav
from musicgen_api.domain.errors import Cancelled, MusicGenError
from musicgen_api.domain.events import Event, Failed
from musicgen_api.domain.request import Backend, Monitor, Music, MusicRequest, Phase, Reading, Sound, Take
from musicgen_api.jobs.gpu_thread import GpuThread
from musicgen_api.jobs.job import Job
from musicgen_api.settings import Settings
from tests.helpers.server import wait_until

ROOT = Path(__file__).parents[2]
MUSIC = Music((Take(1, np.zeros((1, 32_000), np.float32)),), 32_000)
"""A second of silence."""
WAV = encode_wav(MUSIC.takes[0].waveform, MUSIC.sample_rate, duration_s=1)
"""The same as a file."""
BREAKS_OFF = "breaks off"
"""A description with these words fails at half its length, in `paced_service`."""
LONG_S = 10.0
"""Longest wait for what takes no time."""

Act = Callable[[MusicRequest, Monitor], Music]


def a_request(**values: Any) -> MusicRequest:
    """A request for the bundled model, but for `values`."""
    return MusicRequest(**{"model": "bundled/musicgen-tiny", "description": "slow sad piano", "seed": 1} | values)


def play(request: MusicRequest, monitor: Monitor) -> Music:
    """Act as a synthesizer that works: a little progress, then music."""
    monitor.check()
    monitor.progress(50.0, Phase.GENERATING)
    return MUSIC


def wav_of(music: Music) -> bytes:
    """The file that a client gets."""
    waveform = music.takes[0].waveform
    return encode_wav(waveform, music.sample_rate, waveform.shape[1] // music.sample_rate)


def fail_with(error: BaseException) -> Act:
    """Act as a synthesizer that fails."""

    def act(request: MusicRequest, monitor: Monitor) -> Music:
        raise error

    return act


class Pause:
    """Act as a synthesizer at work until the test lets it go on, which asks at every step whether to stop."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.proceed = threading.Event()

    def __call__(self, request: MusicRequest, monitor: Monitor) -> Music:
        """Wait, then make music."""
        self.wait(monitor)
        return MUSIC

    def wait(self, monitor: Monitor) -> None:
        """Say that the work has begun, and wait."""
        self.entered.set()
        while not self.proceed.wait(0.002):
            monitor.check()


@dataclass
class FakeSynthesizer:
    """Does what a test says, and remembers what it was asked for."""

    act: Act = play
    on_preload: Callable[[Monitor], None] = lambda monitor: None
    backends: dict[str, Backend] = field(default_factory=dict)
    default_model_loaded: bool = False
    idle_s: float | None = None
    requests: list[MusicRequest] = field(default_factory=list)
    release_calls: int = 0

    def preload(self, monitor: Monitor) -> None:
        """Do what the test says."""
        self.on_preload(monitor)

    def synthesize(self, request: MusicRequest, monitor: Monitor) -> Music:
        """Do what the test says."""
        self.requests.append(request)
        return self.act(request, monitor)

    def release_idle(self) -> float | None:
        """Count; ask for the next call after `idle_s`."""
        self.release_calls += 1
        return self.idle_s


class RecordingMonitor:
    """Keeps all it is told; its checks raise `Cancelled` from number `stop_at` on."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.checks = 0
        self.percents: list[float] = []
        self.phases: list[Phase] = []
        self.sounds: list[Sound] = []
        self.downloads: list[tuple[str, int, int]] = []
        self.readings: list[Reading] = []
        self._stop_at = stop_at

    def check(self) -> None:
        """Count, and stop if it is time."""
        self.checks += 1
        if self._stop_at is not None and self.checks >= self._stop_at:
            raise Cancelled("The test stops here.")

    def progress(self, percent: float, phase: Phase) -> None:
        """Keep it."""
        self.percents.append(percent)
        self.phases.append(phase)

    def read(self, reading: Reading) -> None:
        """Keep it."""
        self.readings.append(reading)

    def sound(self, sound: Sound) -> None:
        """Keep it."""
        self.sounds.append(sound)

    def download(self, model: str, bytes_done: int, bytes_total: int) -> None:
        """Keep it."""
        self.downloads.append((model, bytes_done, bytes_total))


@dataclass
class Service:
    """The application over a fake synthesizer, with a client."""

    client: FlaskClient
    gpu_thread: GpuThread
    synthesizer: FakeSynthesizer


class RustPanic(BaseException):
    """What a panic in a tokenizer's Rust code is to Python: no Exception."""


def end_of(job: Job) -> Event:
    """The job's outcome."""
    wait_until(lambda: job.finished, LONG_S, why="the job's end")
    outcome = job.wait(0)
    assert outcome is not None
    return outcome


def error_of(job: Job) -> MusicGenError:
    """The error that a failed job ended with."""
    outcome = end_of(job)
    assert isinstance(outcome, Failed)
    return outcome.error


@contextmanager
def running(synthesizer: FakeSynthesizer, **options: Any) -> Iterator[GpuThread]:
    """A started GPU thread, free unless a preload is asked for; stopped in the end."""
    gpu_thread = GpuThread(lambda: synthesizer, **{"preload": False} | options)
    gpu_thread.start()
    try:
        if not options.get("preload"):
            wait_until(lambda: not gpu_thread.busy, why="the start")
        yield gpu_thread
    finally:
        gpu_thread.stop()


@contextmanager
def service(act: Act = play, **settings: Any) -> Iterator[Service]:
    """The application with these settings, over a fake synthesizer on a real GPU thread."""
    synthesizer = FakeSynthesizer(act)
    with running(synthesizer) as gpu_thread:
        app = create_app(Settings(**settings), gpu_thread=gpu_thread)
        yield Service(app.test_client(), gpu_thread, synthesizer)
