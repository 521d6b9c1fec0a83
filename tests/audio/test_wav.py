from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from musicgen_api.audio.wav import PEAK, encode_wav

RATE = 32_000


def read(wav: bytes) -> np.ndarray:
    """The samples [T, C] that another library finds in the file, as integers."""
    with soundfile.SoundFile(io.BytesIO(wav)) as sound:
        assert (sound.format, sound.subtype) == ("WAV", "PCM_16")
        assert sound.samplerate == RATE
        return sound.read(dtype="int16", always_2d=True)


def sine(seconds: float, amplitude: float = 0.5, channels: int = 1) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return np.tile(amplitude * np.sin(2 * np.pi * 440 * time), (channels, 1)).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("duration_s", [1, 3])
def test_the_file_is_exactly_as_long_and_as_wide_as_asked_for(duration_s: int, channels: int) -> None:
    samples = read(encode_wav(sine(duration_s, channels=channels), RATE, duration_s))
    assert samples.shape == (duration_s * RATE, channels)


@pytest.mark.parametrize("channels", [1, 2])
def test_the_header_is_the_plain_one_and_counts_its_bytes(channels: int) -> None:
    wav = encode_wav(sine(1, channels=channels), RATE, 1)
    assert (wav[:4], wav[8:16]) == (b"RIFF", b"WAVEfmt ")
    assert int.from_bytes(wav[4:8], "little") == len(wav) - 8
    assert len(wav) == 44 + 2 * channels * RATE


def test_samples_beyond_the_duration_are_cut_and_missing_ones_are_silence() -> None:
    assert len(read(encode_wav(sine(1.5), RATE, 1))) == RATE
    samples = read(encode_wav(sine(0.5), RATE, 1))
    assert len(samples) == RATE
    assert samples[: RATE // 2].any()
    assert not samples[RATE // 2 :].any()


def test_left_and_right_stay_where_they_are() -> None:
    left, right = sine(1, 0.5)[0], sine(1, 0.1)[0]
    samples = read(encode_wav(np.stack([left, right]), RATE, 1))
    assert np.abs(samples[:, 0]).max() == pytest.approx(0.5 * 32767, abs=1)
    assert np.abs(samples[:, 1]).max() == pytest.approx(0.1 * 32767, abs=1)


def test_quiet_music_keeps_its_level_to_the_nearest_step() -> None:
    waveform = sine(1, 0.9)
    assert np.abs(read(encode_wav(waveform, RATE, 1))[:, 0] - waveform[0] * 32767).max() <= 0.51


@given(st.floats(1.0, 1e6), st.integers(1, 2), st.integers(0, 2**32 - 1))
def test_loud_music_is_scaled_as_a_whole_and_never_clips_or_wraps(loudness: float, channels: int, seed: int) -> None:
    noise = np.random.default_rng(seed).uniform(-1, 1, (channels, RATE)).astype(np.float32)
    waveform = noise / np.abs(noise).max() * np.float32(loudness)
    samples = read(encode_wav(waveform, RATE, 1)).T.astype(np.float64)
    assert np.abs(samples).max() == pytest.approx(PEAK * 32767, abs=1)
    expected = waveform / np.abs(waveform).max() * PEAK * 32767
    assert np.abs(samples - expected).max() <= 0.6  # so neither a sign nor a proportion has changed


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=40))
def test_any_finite_waveform_makes_a_file_of_the_right_length(samples: list[float]) -> None:
    assert read(encode_wav(np.array([samples], np.float32), RATE, 1)).shape == (RATE, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_waveform_that_is_no_sound_is_refused(value: float) -> None:
    waveform = sine(1)
    waveform[0, 100] = value
    with pytest.raises(ValueError, match="NaN or infinity"):
        encode_wav(waveform, RATE, 1)


@pytest.mark.parametrize("shape", [(RATE,), (1, 1, RATE), (0, RATE), (3, RATE)])
def test_a_waveform_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \[C, T\]"):
        encode_wav(np.zeros(shape, np.float32), RATE, 1)


def test_encoding_leaves_the_waveform_as_it_was() -> None:
    waveform = sine(1, 4.0)
    before = waveform.copy()
    encode_wav(waveform, RATE, 1)
    assert np.array_equal(waveform, before)
