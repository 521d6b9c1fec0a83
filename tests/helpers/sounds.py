"""Sounds to encode, and other programs' opinion of sound files."""

from __future__ import annotations

import io
import json
import math
import subprocess
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
import soundfile

from musicgen_api.domain.recipe import Codes
from musicgen_api.domain.request import Monitor, Music, MusicRequest, Sound, Take
from tests.helpers import programs
from tests.helpers.fakes import Act

RATE = 32_000


def music(seconds: float, channels: int = 1, *, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """[C, T] of chords and a little noise, between -0.5 and 0.5; the channels differ."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    chords = [
        sum(np.sin(2 * np.pi * f * (1 + 0.3 * side) * time) for f in (220, 277.2, 329.6)) for side in range(channels)
    ]
    noise = 0.1 * random.standard_normal((channels, len(time)))
    envelope = 0.6 + 0.4 * np.sin(2 * np.pi * 0.5 * time)
    sound = (np.array(chords) + noise) * envelope
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)


def drums(seconds: float, beats_per_minute: float, *, first_s: float = 0.13, rate: int = RATE) -> np.ndarray:
    """[1, T] of one noisy beat after the other over a faint hiss."""
    random = np.random.default_rng(0)
    sound = 0.005 * random.standard_normal(round(seconds * rate))
    hit = 0.4 * random.standard_normal(rate // 8) * np.exp(-np.arange(rate // 8) / (rate / 64))
    for at in np.arange(first_s, seconds - 0.13, 60 / beats_per_minute):
        begin = round(at * rate)
        sound[begin : begin + len(hit)] += hit
    return sound[None].astype(np.float32)


def sound_file(samples: np.ndarray, rate: int = RATE, kind: str = "WAV", subtype: str = "PCM_16") -> bytes:
    """The samples [C, T] as a file that libsndfile writes."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples.T, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def probe(file: bytes) -> dict[str, Any]:
    """What ffprobe says: `streams` and `format`, its tags included."""
    program = programs.ffmpeg().with_name("ffprobe")
    with NamedTemporaryFile() as input_file:  # lengths are found by seeking
        Path(input_file.name).write_bytes(file)
        command = [str(program), "-v", "error", "-show_streams", "-show_format", "-of", "json", input_file.name]
        done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert not done.stderr, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def decode(file: bytes, channels: int, *options: str) -> np.ndarray:
    """[C, T], as ffmpeg decodes the file, without a word of complaint; `options` come before the input."""
    with NamedTemporaryFile() as input_file:
        Path(input_file.name).write_bytes(file)
        command = [str(programs.ffmpeg()), "-v", "error", *options, "-i", input_file.name, "-f", "f32le", "-"]
        done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert not done.stderr, done.stderr
    return np.frombuffer(done.stdout, "<f4").reshape(-1, channels).T


def ffmpeg_makes(*arguments: str, kind: str, sound: bytes = b"") -> bytes:
    """A file of the container `kind`, by ffmpeg with these arguments; it finds `sound` on its standard input."""
    command = [str(programs.ffmpeg()), "-v", "error", *arguments, "-f", kind, "-"]
    return subprocess.run(command, input=sound, capture_output=True, check=True, timeout=60).stdout


def likeness_db(one: np.ndarray, other: np.ndarray) -> float:
    """How far below the sound the difference is, in dB."""
    return float(10 * np.log10(np.mean(one**2) / max(np.mean((one - other) ** 2), 1e-20)))


def play_live(channels: int = 1) -> Act:
    """Act as a synthesizer that makes `music`, which it gives away half a second at a time where that is asked for.

    What it makes is a little longer than asked for, as a model's last frame is.
    """

    def act(request: MusicRequest, monitor: Monitor) -> Music:
        made = music(request.duration + 0.01, channels)
        if request.live:
            half = RATE // 2
            for begin in range(0, made.shape[1], half):
                pcm = np.rint(made[:, begin : begin + half] * 32_767).astype(np.int16)
                monitor.sound(Sound(begin / RATE, pcm, RATE))
        codes = Codes(np.zeros((4, math.ceil(request.duration * 50)), np.uint16), 2048, 50.0, "sha256:1234")
        return Music((Take(request.seed, made, codes),), RATE)

    return act
