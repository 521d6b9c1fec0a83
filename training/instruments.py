"""The note bank: every instrument and drum as a short waveform, synthesised with numpy, 32 kHz mono.

A note is a pure function of instrument and pitch, so it recurs sample for sample wherever a song uses it: that is
what lets a small codec give it the same tokens each time. Nothing here knows of songs, tempo or captions.
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Waveform = NDArray[np.float32]

SAMPLE_RATE: Final = 32_000
FAMILIES: Final = ("piano", "guitar", "strings", "flute", "bells", "synth")
DRUMS: Final = ("kick", "snare", "hat", "open_hat", "tom")

_NOTE_S: Final = 4.2
_DRUM_S: Final = 0.4
_NOTE_RMS: Final = 0.22  # over the first half second: the families then sound equally loud
_RELEASE_S: Final = {
    "piano": 0.12, "guitar": 0.10, "strings": 0.20, "flute": 0.08, "bells": 0.50, "synth": 0.04, "bass": 0.05,
}  # fmt: skip


def frequency_hz(pitch: int) -> float:
    """Equal temperament, MIDI numbering, A4 (69) = 440 Hz."""
    return float(440.0 * 2.0 ** ((pitch - 69) / 12))


def release(instrument: str) -> Waveform:
    """The fade, from 1 to 0, that ends a note of this instrument."""
    samples = int(_RELEASE_S[instrument] * SAMPLE_RATE)
    return (0.5 + 0.5 * np.cos(np.linspace(0.0, np.pi, samples))).astype(np.float32)


@cache
def note(instrument: str, pitch: int) -> Waveform:
    """The whole sound of a held note, `[samples]`; the caller cuts it and applies `release`."""
    t = np.arange(int(_NOTE_S * SAMPLE_RATE)) / SAMPLE_RATE
    wave = _VOICES[instrument](frequency_hz(pitch), t)
    wave *= _NOTE_RMS / np.sqrt(np.mean(wave[: SAMPLE_RATE // 2] ** 2))
    return wave.astype(np.float32)


@cache
def drum(name: str) -> Waveform:
    """One stroke of a drum, `[samples]`."""
    t = np.arange(int(_DRUM_S * SAMPLE_RATE)) / SAMPLE_RATE
    noise = np.random.default_rng(7).standard_normal(len(t))
    bright = noise - _smooth(noise, 5)
    fade_out = np.clip((_DRUM_S - t) / 0.02, 0.0, 1.0)
    wave = {
        "kick": 0.9 * np.sin(2 * np.pi * (50 * t + 3.5 * (1 - np.exp(-30 * t)))) * np.exp(-9 * t),
        "snare": 0.30 * noise * np.exp(-22 * t) + 0.4 * np.sin(2 * np.pi * 190 * t) * np.exp(-25 * t),
        "hat": 0.20 * bright * np.exp(-70 * t),
        "open_hat": 0.16 * bright * np.exp(-16 * t),
        "tom": 0.6 * np.sin(2 * np.pi * (95 * t + 3.0 * (1 - np.exp(-18 * t)))) * np.exp(-9 * t),
    }[name]
    return (wave * fade_out).astype(np.float32)


def _smooth(wave: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    window = np.hanning(width + 2)[1:-1]
    return np.convolve(wave, window / window.sum())[: len(wave)]


def _harmonics(frequency: float, limit_hz: float, count: int, step: int = 1) -> list[int]:
    return [h for h in range(1, count + 1, step) if frequency * h < limit_hz]


def _attack(t: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    return np.clip(t / seconds, 0.0, 1.0)


def _piano(f: float, t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slightly stretched partials, the high ones dying first."""
    wave = np.zeros_like(t)
    for h in _harmonics(f, 9000, 10):
        stretched = f * h * np.sqrt(1 + 4e-4 * h * h)
        wave += 0.85**h / h * np.exp(-t * (1.2 + 0.6 * h)) * np.sin(2 * np.pi * stretched * t)
    return wave * _attack(t, 0.002)


def _guitar(f: float, t: NDArray[np.float64]) -> NDArray[np.float64]:
    """A plucked string: the partials of a pluck at one seventh of its length, bright and short."""
    wave = np.zeros_like(t)
    for h in _harmonics(f, 10000, 24):
        level = np.sin(np.pi * h / 7) / h
        wave += level * np.exp(-t * (2.0 + 0.9 * h)) * np.sin(2 * np.pi * f * h * t)
    return wave * _attack(t, 0.001)


def _strings(f: float, t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two detuned saws behind a slow bow."""
    wave = np.zeros_like(t)
    for h in _harmonics(f, 6000, 14):
        wave += (np.sin(2 * np.pi * f * h * t) + np.sin(2 * np.pi * f * h * 1.002 * t)) / h
    return wave * _attack(t, 0.09)


def _flute(f: float, t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Almost a sine, softly blown, with a late vibrato."""
    bend = 0.15 * np.sin(2 * np.pi * 5 * t) * np.clip(2 * t - 0.4, 0.0, 1.0)
    partials = ((1, 1.0), (2, 0.22), (3, 0.05))
    wave = sum(level * np.sin(2 * np.pi * f * h * t + h * bend) for h, level in partials)
    return np.asarray(wave) * _attack(t, 0.04)


def _bells(f: float, t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inharmonic partials of a struck bar, long and high."""
    partials = ((2.0, 1.0, 1.6), (5.52, 0.6, 3.0), (10.8, 0.25, 6.0), (1.0, 0.3, 2.0))
    wave = np.zeros_like(t)
    for ratio, level, decay in partials:
        if f * ratio < 13000:
            wave += level * np.exp(-t * decay) * np.sin(2 * np.pi * f * ratio * t)
    return wave * _attack(t, 0.001)


def _synth(f: float, t: NDArray[np.float64]) -> NDArray[np.float64]:
    """A bright square wave with a hard edge and a steady body."""
    wave = np.zeros_like(t)
    for h in _harmonics(f, 11000, 41, step=2):
        wave += np.sin(2 * np.pi * f * h * t) / h
    return wave * _attack(t, 0.003) * (0.55 + 0.45 * np.exp(-5 * t))


def _bass(f: float, t: NDArray[np.float64]) -> NDArray[np.float64]:
    wave = np.zeros_like(t)
    for h in range(1, 7):
        wave += np.sin(2 * np.pi * f * h * t) * np.exp(-t * (0.8 + 1.4 * (h - 1))) / h**1.2
    return wave * _attack(t, 0.004) * np.exp(-0.8 * t)


_VOICES: Final = {
    "piano": _piano,
    "guitar": _guitar,
    "strings": _strings,
    "flute": _flute,
    "bells": _bells,
    "synth": _synth,
    "bass": _bass,
}
