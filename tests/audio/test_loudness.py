from __future__ import annotations

import re
import subprocess
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import pytest

from musicgen_api.audio.loudness import TRUE_PEAK, measure, to_loudness, true_peak
from tests.helpers import programs
from tests.helpers.sounds import RATE, drums, likeness_db, music, sound_file

PIECES = {
    "mono": music(5),
    "stereo": music(5, 2),
    "drums": drums(5, 120),
    "quiet": 0.003 * music(5, 2),
    "swelling": music(5, 2) * np.linspace(0.001, 1, 5 * RATE, dtype=np.float32),
}


def by_ffmpeg(samples: np.ndarray, rate: int = RATE) -> tuple[float, float]:
    """Integrated loudness in LUFS and true peak in dB, by ffmpeg's meter."""
    with NamedTemporaryFile(suffix=".wav") as file:
        Path(file.name).write_bytes(sound_file(samples, rate, subtype="FLOAT"))
        command = [str(programs.ffmpeg()), "-nostats", "-i", file.name, "-af", "ebur128=peak=true", "-f", "null", "-"]
        said = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stderr
    loudness, peak = re.findall(r"I: +(\S+) LUFS", said)[-1], re.findall(r"Peak: +(\S+) dBFS", said)[-1]
    return float(loudness), float(peak)


@pytest.mark.parametrize("target", [-30, -23, -14, -10])
@pytest.mark.parametrize("piece", PIECES)
def test_a_piece_gets_the_loudness_asked_for_by_another_meter_too(piece: str, target: float) -> None:
    loudness, peak = by_ffmpeg(to_loudness(PIECES[piece], RATE, target))
    assert loudness == pytest.approx(target, abs=0.5)
    assert peak <= -1


@pytest.mark.parametrize("piece", PIECES)
def test_what_cannot_be_as_loud_as_asked_becomes_as_loud_as_it_can(piece: str) -> None:
    result = to_loudness(PIECES[piece], RATE, -5)
    loudness, peak = by_ffmpeg(result)
    assert peak <= -1
    assert loudness > -12
    assert true_peak(result) > TRUE_PEAK * 0.9


@pytest.mark.parametrize("rate", [16_000, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_measure_is_ffmpegs_at_every_rate(channels: int, rate: int) -> None:
    samples = music(5, channels, rate=rate)
    assert measure(samples, rate) == pytest.approx(by_ffmpeg(samples, rate)[0], abs=0.15)


def test_the_measure_is_the_standards() -> None:
    tone = np.sin(2 * np.pi * 997 * np.arange(48_000 * 5) / 48_000).astype(np.float32)[None]
    assert measure(tone, 48_000) == pytest.approx(-3.01, abs=0.02)  # BS.1770-4, annex 1: 0 dBFS at 997 Hz, one channel


def test_music_without_peaks_is_only_multiplied() -> None:
    result = to_loudness(PIECES["stereo"], RATE, -30)
    assert np.allclose(result / result.max(), PIECES["stereo"] / PIECES["stereo"].max(), atol=1e-5)


def test_the_limiter_is_gentle() -> None:
    """Music with one peak stays the music everywhere else."""
    samples = 0.2 * music(4)
    samples[:, 2 * RATE : 2 * RATE + 50] = 0.9
    result = to_loudness(samples, RATE, measure(samples, RATE) + 3)
    away = np.r_[0 : int(1.9 * RATE), int(2.1 * RATE) : 4 * RATE]
    gain = float(result[0, away] @ samples[0, away]) / float(samples[0, away] @ samples[0, away])
    assert likeness_db(result[:, away], gain * samples[:, away]) > 60
    assert true_peak(result) <= TRUE_PEAK


def test_a_limited_loop_still_runs_round() -> None:
    time = np.arange(2 * RATE) / RATE
    samples = (0.1 * np.sin(2 * np.pi * 220 * time)).astype(np.float32)[None]
    samples[:, :200] *= np.linspace(6, 1, 200, dtype=np.float32)  # its peak is where the end meets the beginning
    samples[:, -200:] *= np.linspace(1, 6, 200, dtype=np.float32)
    result = to_loudness(samples, RATE, -12, loop=True)
    gain = np.abs(result[0, -300:]).sum() / np.abs(samples[0, -300:]).sum()
    assert gain == pytest.approx(np.abs(result[0, :300]).sum() / np.abs(samples[0, :300]).sum(), rel=0.02)


@pytest.mark.parametrize("length", [10, 3_000, int(0.4 * RATE) - 1, int(0.4 * RATE), int(0.4 * RATE) + 1])
def test_pieces_shorter_than_a_block_of_the_meter_are_levelled_too(length: int) -> None:
    samples = music(1)[:, :length]
    result = to_loudness(samples, RATE, -20)
    assert result.shape == samples.shape
    assert measure(result, RATE) == pytest.approx(-20, abs=0.5)


@pytest.mark.parametrize("shape", [(1, 0), (1, 1), (1, 100), (2, RATE)])
def test_silence_stays_silence(shape: tuple[int, int]) -> None:
    assert not to_loudness(np.zeros(shape, np.float32), RATE, -14).any()
    assert measure(np.zeros(shape, np.float32), RATE) == -np.inf


def test_what_is_quieter_than_the_meter_hears_is_left_alone() -> None:
    samples = 1e-5 * music(1)
    assert np.array_equal(to_loudness(samples, RATE, -14), samples)


def test_a_peak_between_two_samples_counts() -> None:
    # A tone at a quarter of the sample rate, 45 degrees off: its samples are all at 0.707 of its peak.
    tone = np.sin(np.pi / 2 * np.arange(RATE) + np.pi / 4).astype(np.float32)[None]
    assert np.abs(tone).max() == pytest.approx(0.707, abs=1e-3)
    assert true_peak(tone) == pytest.approx(1, abs=0.03)


def test_what_is_no_sound_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN or infinity"):
        to_loudness(np.full((1, RATE), np.nan, np.float32), RATE, -14)
