"""What a user of the running service waits for, with the bundled model on this machine's CPU.

    python -m benchmarks.service

A real gunicorn serves requests over HTTP: the time to the first sound of a live piece, four takes beside one, and an
upload of 30 s until the music goes on from it. Encoding is timed in this process. Each figure is a median. The last
line is JSON.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import requests

from benchmarks.speed import print_machine
from musicgen_api.apis.rendering import FORMATS
from musicgen_api.audio.encode import encode
from musicgen_api.audio.formats import Encoding, Format
from tests.helpers.server import Server, read_events

TIMES = 5
SAMPLE_RATE = 32_000


def median(measure: Callable[[int], float]) -> float:
    """The median of several measurements; each gets a number of its own, to vary what it asks for."""
    return round(statistics.median(measure(number) for number in range(TIMES)), 3)


def events(url: str, request: dict[str, Any], upload: bytes | None = None) -> Iterator[dict[str, Any]]:
    """The events of one request for music."""
    parts = {"request": (None, json.dumps(request), "application/json")}
    sent: dict[str, Any] = {"json": request}
    if upload is not None:
        sent = {"files": parts | {"continuation": ("music.wav", upload, "audio/wav")}}
    with requests.post(f"{url}/api/music", **sent, stream=True, timeout=300) as response:
        response.raise_for_status()
        for event in read_events(response.iter_lines(chunk_size=None)):
            if "error" in event:
                raise RuntimeError(event["error"])
            yield event


def seconds_until(wanted: Callable[[dict[str, Any]], bool], stream: Iterator[dict[str, Any]]) -> float:
    """How long the first event that is wanted takes; the rest of the stream is read too."""
    began, found = time.perf_counter(), None
    for event in stream:
        if found is None and wanted(event):
            found = time.perf_counter() - began
    if found is None:
        raise RuntimeError("The stream ended without the event.")
    return found


def asked_for(number: int, seconds: int, **more: Any) -> dict[str, Any]:
    """A request for so many seconds of music."""
    return {"description": "fast happy piano with drums", "duration": seconds, "seed": number, **more}


def first_sound(url: str) -> float:
    """From a request for live music to its first sound."""
    return median(
        lambda number: seconds_until(lambda e: e["status"] == "audio", events(url, asked_for(number, 10, live=True)))
    )


def takes(url: str, count: int) -> float:
    """From a request for takes of 10 s to all of them."""
    return median(
        lambda n: seconds_until(lambda e: e["status"] == "completed", events(url, asked_for(n, 10, takes=count)))
    )


def upload(url: str, music: bytes) -> float:
    """From a request with 30 s of music to the first step that goes on from it."""
    return median(
        lambda number: seconds_until(lambda e: e.get("progress", 0) > 0, events(url, asked_for(number, 31), music))
    )


def some_music(seconds: int, channels: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Chords with noise on each beat, [C, T]: no encoder finds it easy, and silence would be."""
    t = np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE
    chords = sum(np.sin(2 * np.pi * note * (1 + np.floor(t) % 4 / 8) * t) for note in (220, 277, 330, 440))
    noise = np.random.default_rng(1).normal(size=(channels, len(t))) * np.exp(-8 * (t * 2 % 1))
    return (0.1 * chords + 0.2 * noise).astype(np.float32)


def encoding() -> dict[str, float]:
    """Seconds that 30 s of music take in each format, mono and stereo."""
    return {
        f"{name}_{sound}": median(lambda _, n=name, m=music: _encode_s(n, m))  # type: ignore[misc]
        for sound, music in (("mono", some_music(30, 1)), ("stereo", some_music(30, 2)))
        for name in FORMATS
    }


def _encode_s(name: str, music: np.ndarray[Any, np.dtype[np.float32]]) -> float:
    began = time.perf_counter()
    encode(music, SAMPLE_RATE, Encoding(Format(name)))
    return time.perf_counter() - began


def main() -> None:
    """Measure all of it and print."""
    print_machine("cpu")
    music = encode(some_music(30, 1), SAMPLE_RATE, Encoding(Format.WAV))
    with tempfile.TemporaryDirectory() as folder, Server({}, Path(folder) / "log") as server:
        server.wait_until_ready()
        for _ in events(server.url, asked_for(0, 10)):
            pass  # the first piece also pays for what is done once
        result: dict[str, Any] = {
            "first_sound_s": first_sound(server.url),
            "one_take_s": takes(server.url, 1),
            "four_takes_s": takes(server.url, 4),
            "upload_30_s": upload(server.url, music),
        }
    result["encoding_30_s"] = encoding()
    for name, value in result.items():
        print(f"{name:<15}{value}")
    print(json.dumps({"bench": "service", **result}))


if __name__ == "__main__":
    main()
