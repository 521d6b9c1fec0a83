"""The service in this process, with a synthesizer that does what a test tells it; the rest of it is real.

For what real models do not do on demand: downloading, failing, being broken off.
"""

from __future__ import annotations

import os
import queue
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Self

import numpy as np
from flask import Flask
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import WSGIRequestHandler, make_server

from musicgen_api import create_app
from musicgen_api.audio.shape import overlap_s
from musicgen_api.domain.errors import MusicGenError
from musicgen_api.domain.request import AS_ASKED, Backend, Monitor, Music, MusicRequest, Sound, Take
from musicgen_api.jobs.gpu_thread import GpuThread
from musicgen_api.settings import Settings

SAMPLE_RATE_HZ = 32000
Step = Callable[[Monitor], object]


class ScriptedSynthesizer:
    """Takes its steps from a test, one by one, and can be cancelled between any two."""

    backends: ClassVar[dict[str, Backend]] = {"bundled/musicgen-tiny": Backend("engine", "int8")}
    default_model_loaded = False

    def __init__(self, load_failure: MusicGenError | None = None) -> None:
        self.load_failure = load_failure
        self.reading = AS_ASKED
        self.requests: queue.SimpleQueue[MusicRequest] = queue.SimpleQueue()
        self.steps: queue.SimpleQueue[Step | None] = queue.SimpleQueue()

    def preload(self, monitor: Monitor) -> None:
        """Fail as long as the test says so."""
        if self.load_failure is not None:
            raise self.load_failure

    def synthesize(self, request: MusicRequest, monitor: Monitor) -> Music:
        """Follow the steps up to the one that ends them."""
        self.requests.put(request)
        while (step := self._next_step(monitor)) is not None:
            step(monitor)
        overlap = overlap_s(request.duration) if request.loop else 0
        waveform = tone(request.duration + overlap).takes[0].waveform
        return Music(tuple(Take(seed, waveform, reading=self.reading) for seed in request.seeds), SAMPLE_RATE_HZ)

    def release_idle(self) -> float | None:
        """Keep everything."""
        return None

    def _next_step(self, monitor: Monitor) -> Step | None:
        while True:
            monitor.check()
            try:
                return self.steps.get(timeout=0.01)
            except queue.Empty:
                continue


class ScriptedService:
    """`with ScriptedService() as service`: listens on a free port of 127.0.0.1, under `prefix`.

    With a `load_failure` the default model cannot be loaded, until `synthesizer.load_failure` is None.
    """

    def __init__(self, prefix: str = "", load_failure: MusicGenError | None = None, **settings: Any) -> None:
        self.synthesizer = ScriptedSynthesizer(load_failure)
        self.gpu_thread = GpuThread(lambda: self.synthesizer, preload=load_failure is not None, reload_after_s=0.1)
        self._settings = Settings(heartbeat_s=0.2, **settings)
        self._prefix = prefix
        self._posts: list[socket.socket] = []

    def __enter__(self) -> Self:
        self.gpu_thread.start()
        app: Any = create_app(self._settings, gpu_thread=self.gpu_thread)
        if self._prefix:
            app = DispatcherMiddleware(NotFound(), {self._prefix: app})
        self._server = make_server(
            "127.0.0.1", 0, self._remember_posts(app), threaded=True, request_handler=_QuietHandler
        )
        self._thread = threading.Thread(target=self._server.serve_forever, name="scripted service")
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.close()
        self.gpu_thread.stop()

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self._server.port}{self._prefix}/"

    def close(self) -> None:
        """Stop listening; new connections are refused from now on."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def next_request(self) -> MusicRequest:
        """Wait for the synthesizer to be given a request."""
        return self.synthesizer.requests.get(timeout=10)

    def step(self, *steps: Step) -> None:
        """Let the running job do these."""
        for step in steps:
            self.synthesizer.steps.put(step)

    def sound(self, begin_s: int, end_s: int, of_s: int) -> None:
        """Let the running job send these seconds of a piece of `of_s` seconds while it is made."""
        samples = (32767 * tone(of_s).takes[0].waveform).astype(np.int16)
        for second in range(begin_s, end_s):
            part = samples[:, second * SAMPLE_RATE_HZ : (second + 1) * SAMPLE_RATE_HZ]
            sound = Sound(float(second), part, SAMPLE_RATE_HZ)
            self.step(lambda monitor, sound=sound: monitor.sound(sound))

    def complete(self) -> None:
        """Let the running job end well."""
        self.synthesizer.steps.put(None)

    def fail(self, error: Exception) -> None:
        """Let the running job raise."""

        def raise_it(monitor: Monitor) -> None:
            raise error

        self.step(raise_it)

    def break_connection(self, *, reset: bool) -> None:
        """End the running job's connection under it: reset it, or close it in mid-sentence."""
        newest = self._posts[-1]
        if reset:
            newest.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(newest.detach())  # close() would wait for the files that the handler made of it
        else:
            newest.shutdown(socket.SHUT_RDWR)

    def _remember_posts(self, app: Flask) -> Callable[..., Iterable[bytes]]:
        def remember(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            if environ["REQUEST_METHOD"] == "POST":
                self._posts.append(environ["werkzeug.socket"])
            return app(environ, start_response)

        return remember


class _QuietHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """The browser's console tells more."""


def tone(duration_s: float) -> Music:
    """Music that swells from silence: one sees in its picture where it begins."""
    time_s = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    swell = time_s / duration_s * (0.6 + 0.4 * np.sin(2 * np.pi * time_s))
    waveform = (0.9 * swell * np.sin(2 * np.pi * 220 * time_s))[None].astype(np.float32)
    return Music((Take(1, waveform),), SAMPLE_RATE_HZ)
