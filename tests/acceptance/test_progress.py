"""The event stream and the WAV of pieces below, at, just above and far above one window of the model (30 s)."""

from __future__ import annotations

import base64
import io
import itertools
import struct
from typing import Any

import pytest
import soundfile

from tests.helpers.server import Server, read_events


def assert_is_a_whole_stream(events: list[dict[str, Any]]) -> None:
    """Hold the events to the contract: their order, and a progress that never falls and reaches 100 at the end."""
    first, *middle, last = events
    assert first["status"] == "started"
    assert last["status"] == "completed"
    assert {event["status"] for event in middle} == {"generating"}
    percents = [event["progress"] for event in middle]
    assert percents == sorted(percents)
    assert percents[0] >= 0
    assert percents[-1] == 100
    assert all(percent < 100 for percent in percents[:-1])


def assert_neither_jumps_nor_halts(events: list[dict[str, Any]]) -> None:
    """The steps fill most of the progress, evenly, also where a window of the model ends."""
    percents = [event["progress"] for event in events if event.get("phase") == "generating"]
    assert percents[-1] - percents[0] > 80
    assert max(after - before for before, after in itertools.pairwise(percents)) < 20


def assert_wav(wav: bytes, duration_s: int, channels: int) -> None:
    with soundfile.SoundFile(io.BytesIO(wav)) as sound:
        assert (sound.format, sound.subtype) == ("WAV", "PCM_16")
        assert (sound.samplerate, sound.channels, len(sound)) == (32_000, channels, 32_000 * duration_s)
        samples = sound.read(dtype="int16")
    assert samples.std() > 10
    header = struct.unpack("<4sI28x4sI", wav[:44])
    assert header == (b"RIFF", len(wav) - 8, b"data", samples.nbytes)
    assert wav[44:].startswith(samples.astype("<i2").tobytes())
    assert wav[44 + samples.nbytes :].startswith(b"LIST"), "the recipe's, and nothing else"


@pytest.mark.parametrize("duration_s", [8, 30, 31, 70])
def test_progress_rises_to_100_and_the_wav_is_exactly_as_long_as_asked(server: Server, duration_s: int) -> None:
    events = server.events(duration=duration_s)
    assert_is_a_whole_stream(events)
    assert_wav(base64.b64decode(events[-1]["audio_data"], validate=True), duration_s, channels=1)
    if duration_s == 70:
        assert_neither_jumps_nor_halts(events)


@pytest.mark.parametrize(("model", "channels"), [("test/mono", 1), ("test/stereo", 2)])
def test_progress_goes_through_the_diffusion_too(server: Server, model: str, channels: int) -> None:
    events = server.events(duration=2, mbd=True, model=model)
    assert_is_a_whole_stream(events)
    diffusing = {event["progress"] for event in events if event.get("phase") == "diffusing"}
    assert len(diffusing) >= 2
    assert_wav(base64.b64decode(events[-1]["audio_data"], validate=True), 2, channels)


@pytest.mark.parametrize(("model", "channels"), [("test/mono", 1), ("test/stereo", 2), ("test/melody", 1)])
def test_both_routes_make_the_same_music_of_the_same_seed(server: Server, model: str, channels: int) -> None:
    last = server.events(model=model, duration=1, seed=11)[-1]
    body = {"model": model, "prompt": "slow sad piano", "duration": 1, "seed": 11}
    response = server.post("/generate", body)
    assert response.headers["Content-Type"] == "audio/wav"
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert int(response.headers["Content-Length"]) == len(response.content)
    assert (response.headers["X-MusicGen-Seed"], response.headers["X-MusicGen-Model"]) == ("11", model)
    assert_wav(response.content, 1, channels)
    assert base64.b64decode(last["audio_data"]) == response.content
    assert (last["channels"], last["sample_rate"], last["duration"], last["seed"]) == (channels, 32_000, 1, 11)


def test_every_event_leaves_as_a_line_and_an_empty_line_and_nothing_else(server: Server) -> None:
    with server.music(duration=1) as response:
        content = response.content
    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert response.headers["Cache-Control"] == "no-cache, no-transform"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert content.endswith(b"\n\n")
    lines = content.removesuffix(b"\n\n").split(b"\n\n")
    assert all(line.startswith(b"data: {") and b"\n" not in line and b"\r" not in line for line in lines)
    assert len(list(read_events(lines))) == len(lines)
