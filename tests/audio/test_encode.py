"""Whole files, read back by ffmpeg, ffprobe and libsndfile."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from musicgen_api.audio.encode import encode
from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.audio.level import LOSSY_PEAK, PEAK, quantise
from musicgen_api.audio.wav import encode_wav
from tests.helpers.sounds import RATE, decode, likeness_db, music, probe

LENGTH = 2 * RATE + 1_237  # no whole number of anybody's frames
LOSSY = [Format.MP3, Format.OPUS, Format.AAC]
CODECS = {
    Format.WAV: ("wav", "pcm_s16le"),
    Format.FLAC: ("flac", "flac"),
    Format.MP3: ("mp3", "mp3"),
    Format.OPUS: ("ogg", "opus"),
    Format.AAC: ("mov,mp4,m4a,3gp,3g2,mj2", "aac"),
}


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("format", CODECS)
def test_ffprobe_finds_the_container_the_codec_the_rate_and_the_channels(format: Format, channels: int) -> None:
    found = probe(encode(music(1, channels), RATE, Encoding(format)))
    (stream,) = found["streams"]
    assert (found["format"]["format_name"], stream["codec_name"]) == CODECS[format]
    assert (int(stream["sample_rate"]), stream["channels"]) == (48_000 if format is Format.OPUS else RATE, channels)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("format", [Format.WAV, Format.FLAC, Format.PCM])
def test_lossless_formats_hold_the_nearest_sixteen_bits_of_every_sample(format: Format, channels: int) -> None:
    samples = music(3, channels)[:, :LENGTH]
    file = encode(samples, RATE, Encoding(format))
    if format is Format.PCM:
        read = np.frombuffer(file, "<i2").reshape(-1, channels).T
    else:
        read = soundfile.read(io.BytesIO(file), dtype="int16", always_2d=True)[0].T
    assert np.array_equal(read, quantise(samples))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("format", [Format.MP3, Format.OPUS])
def test_a_lossy_file_is_as_long_as_the_piece_to_the_sample_and_sounds_like_it(format: Format, channels: int) -> None:
    samples = music(3, channels)[:, :LENGTH]
    read = decode(encode(samples, RATE, Encoding(format)), channels)
    expected = samples if format is Format.MP3 else encode_at_48_khz(samples)
    assert read.shape == expected.shape
    assert likeness_db(expected, read) > 12


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("length", [LENGTH, 1, 1_024, RATE])
def test_an_m4a_file_says_its_length_to_the_sample(length: int, channels: int) -> None:
    samples = music(3, channels)[:, :length]
    file = encode(samples, RATE, Encoding(Format.AAC))
    (stream,) = probe(file)["streams"]
    assert (stream["duration_ts"], stream["time_base"]) == (length, f"1/{RATE}")
    read = decode(file, channels)  # ffmpeg heeds the beginning of an edit list and not its end
    assert 0 <= read.shape[1] - length < 1_024
    assert length < RATE or likeness_db(samples, read[:, :length]) > 12


def test_an_m4a_file_can_be_played_before_it_is_there_as_a_whole() -> None:
    file = encode(music(1), RATE, Encoding(Format.AAC))
    assert file.index(b"moov") < file.index(b"mdat")


@pytest.mark.parametrize("format", [*CODECS, Format.PCM])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_piece_that_is_too_loud_is_scaled_and_never_clips(format: Format, channels: int) -> None:
    loud = 8 * music(1, channels)
    file = encode(loud, RATE, Encoding(format))
    if format is Format.PCM:
        read = np.frombuffer(file, "<i2").reshape(-1, channels).T / np.float32(32767)
    else:
        read = decode(file, channels)
    assert np.abs(read).max() < 1
    expected = LOSSY_PEAK if format in LOSSY else PEAK
    assert np.abs(read).max() == pytest.approx(expected, abs=0.1 if format in LOSSY else 1e-4)


@pytest.mark.parametrize(
    ("encoding", "rate", "bit_rate"),
    [
        *(
            (Encoding(Format.MP3, 22_050, 32_000), 22_050, 32_000),
            (Encoding(Format.MP3, 44_100, 192_000), 44_100, 192_000),
        ),
        (Encoding(Format.MP3, 44_100, 64_000), 44_100, 64_000),
        *((Encoding(Format.FLAC, 8_000), 8_000, None), (Encoding(Format.WAV, 48_000), 48_000, None)),
        *((Encoding(Format.OPUS, 48_000, 32_000), 48_000, None), (Encoding(Format.AAC, 44_100, 96_000), 44_100, None)),
    ],
)
def test_a_file_has_the_sample_rate_and_the_bit_rate_asked_for(
    encoding: Encoding, rate: int, bit_rate: int | None
) -> None:
    (stream,) = probe(encode(music(2, 2), RATE, encoding))["streams"]
    assert int(stream["sample_rate"]) == rate
    assert bit_rate is None or int(stream["bit_rate"]) == bit_rate


@pytest.mark.parametrize("format", LOSSY)
def test_fewer_bits_make_a_smaller_file(format: Format) -> None:
    small, large = (len(encode(music(3, 2), RATE, Encoding(format, bit_rate=rate))) for rate in (32_000, 160_000))
    assert small < large / 2


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_bare_samples_come_at_any_rate(rate: int) -> None:
    samples = music(1, 2)
    assert len(encode(samples, RATE, Encoding(Format.PCM, rate))) == rate * 2 * 2
    assert len(encode(samples, RATE, Encoding(Format.ULAW, rate))) == rate * 2


def test_u_law_is_the_telephones() -> None:
    samples = music(1)
    read = decode(encode(samples, RATE, Encoding(Format.ULAW, RATE)), 1, "-f", "mulaw", "-ar", str(RATE), "-ac", "1")
    assert likeness_db(samples, read) > 30


def test_a_wav_file_is_the_one_that_the_documents_promise_byte_for_byte() -> None:
    samples = 3 * music(2, 2)
    assert encode(samples, RATE) == encode_wav(samples, RATE, 2)


@pytest.mark.parametrize("format", Format)
def test_the_same_piece_gives_the_same_bytes(format: Format) -> None:
    assert encode(music(0.5, 2), RATE, Encoding(format)) == encode(music(0.5, 2), RATE, Encoding(format))


@pytest.mark.parametrize("format", Format)
def test_encoding_leaves_the_piece_as_it_was(format: Format) -> None:
    samples = 4 * music(0.5, 2)
    before = samples.copy()
    encode(samples, RATE, Encoding(format))
    assert np.array_equal(samples, before)


@pytest.mark.parametrize("format", Format)
@pytest.mark.parametrize("length", [1, 100])
def test_the_shortest_pieces_become_files_too(format: Format, length: int) -> None:
    file = encode(music(1)[:, :length], RATE, Encoding(format))
    if format in (Format.WAV, Format.FLAC):
        assert soundfile.info(io.BytesIO(file)).frames == length


@pytest.mark.parametrize("format", Format)
def test_what_is_no_sound_is_refused(format: Format) -> None:
    with pytest.raises(ValueError, match="NaN or infinity"):
        encode(np.full((1, 9), np.nan, np.float32), RATE, Encoding(format))
    with pytest.raises(ValueError, match=r"expected \[C, T\]"):
        encode(np.zeros((3, 9), np.float32), RATE, Encoding(format))


def encode_at_48_khz(samples: np.ndarray) -> np.ndarray:
    return decode(encode(samples, RATE, Encoding(Format.WAV, 48_000)), len(samples))
