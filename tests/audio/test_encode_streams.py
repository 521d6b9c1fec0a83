"""Files that are made piece by piece, read back by ffmpeg."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen_api.audio.encode import StreamEncoder, encode
from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.audio.level import PEAK, quantise
from musicgen_api.audio.read import read
from musicgen_api.audio.tags import COMMENT, TITLE
from tests.helpers.sounds import RATE, decode, likeness_db, music, probe

LENGTH = 3 * RATE + 1_237
CONTAINERS = [Format.WAV, Format.FLAC, Format.MP3, Format.OPUS, Format.AAC]
ADDED = {Format.MP3: 0.15, Format.AAC: 0.1}
"""By how much a streamed file may be longer than the piece, in seconds."""


def streamed(
    samples: np.ndarray, encoding: Encoding, parts: int = 20, tags: dict[str, str] | None = None
) -> list[bytes]:
    encoder = StreamEncoder(encoding, RATE, len(samples), tags or {})
    return [*(encoder.add(part) for part in np.array_split(samples, parts, axis=1)), encoder.finish()]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("format", CONTAINERS)
def test_a_streamed_file_is_read_and_sounds_like_the_piece(format: Format, channels: int) -> None:
    samples = music(4, channels)[:, :LENGTH]
    file = b"".join(streamed(samples, Encoding(format)))
    read_back = decode(file, channels)
    expected = (
        decode(encode(samples, RATE, Encoding(Format.WAV, 48_000)), channels) if format is Format.OPUS else samples
    )
    assert 0 <= read_back.shape[1] - expected.shape[1] <= ADDED.get(format, 0) * RATE
    # MP3 and MP4 streams begin with the codec's delay: the piece lies where it is most alike.
    delayed = int(np.correlate(read_back[0], expected[0], "valid").argmax())
    assert likeness_db(expected, read_back[:, delayed : delayed + expected.shape[1]]) > 12


@pytest.mark.parametrize("format", [*CONTAINERS, Format.PCM, Format.ULAW])
def test_sound_comes_out_while_it_goes_in(format: Format) -> None:
    parts = streamed(music(5, 2), Encoding(format), parts=50)  # a tenth of a second each
    held_back_s = 0.8 if format is Format.AAC else 0.3
    silent = [index for index, part in enumerate(parts) if not part]
    runs = np.split(silent, np.flatnonzero(np.diff(silent) > 1) + 1) if silent else []
    assert max((len(run) for run in runs), default=0) <= held_back_s * 10
    assert len(parts[-1]) < 0.2 * sum(len(part) for part in parts)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("format", [Format.WAV, Format.FLAC, Format.PCM])
def test_integers_stay_as_they_are_in_lossless_streams(format: Format, channels: int) -> None:
    integers = quantise(2 * music(1, channels))  # up to full scale: a limiter would change them
    integers[:, 0] = [-32768] if channels == 1 else [32767, -32768]
    file = b"".join(streamed(integers, Encoding(format)))
    if format is Format.PCM:
        found = np.frombuffer(file, "<i2").reshape(-1, channels).T
    else:
        found = np.rint(decode(file, channels) * 32768).astype(np.int16)
    assert np.array_equal(found, integers)


@pytest.mark.parametrize("format", [*CONTAINERS, Format.PCM])
def test_a_stream_that_is_too_loud_is_limited_and_never_wraps(format: Format) -> None:
    loud = 4 * music(1, 2)
    file = b"".join(streamed(loud, Encoding(format)))
    found = np.frombuffer(file, "<i2").reshape(-1, 2).T / 32767 if format is Format.PCM else decode(file, 2)
    assert np.abs(found).max() <= (PEAK * 1.0001 if format in (Format.WAV, Format.FLAC, Format.PCM) else 1.05)


@given(st.integers(1, 60), st.sampled_from(list(Format)), st.sampled_from([None, 8_000, 48_000]))
def test_how_the_piece_is_cut_changes_no_byte(parts: int, format: Format, rate: int | None) -> None:
    samples = music(0.7, 2)
    encoding = Encoding(format, 48_000 if format is Format.OPUS else rate)
    assert b"".join(streamed(samples, encoding, parts)) == b"".join(streamed(samples, encoding, 1))


@pytest.mark.parametrize("format", CONTAINERS)
def test_what_was_streamed_can_be_uploaded_again(format: Format) -> None:
    samples = music(2, 2)
    recorded = read(b"".join(streamed(samples, Encoding(format))), sample_rate=RATE)
    assert recorded.samples.shape[1] == pytest.approx(2 * RATE, abs=0.15 * RATE)


@pytest.mark.parametrize("format", [Format.FLAC, Format.MP3, Format.OPUS, Format.AAC])
def test_a_stream_says_what_it_is_at_its_beginning(format: Format) -> None:
    parts = streamed(music(2), Encoding(format), tags={TITLE: "Flûte", COMMENT: "a flute " * 500})
    found = probe(b"".join(parts))
    tags = found["format"].get("tags", {}) | found["streams"][0].get("tags", {})
    lower = {name.lower(): text for name, text in tags.items()}
    assert (lower["title"], lower["comment"]) == ("Flûte", ("a flute " * 500))


def test_the_header_of_a_streamed_wav_file_leaves_its_length_open() -> None:
    header, *_ = streamed(music(1, 2), Encoding(Format.WAV))
    assert (header[:4], header[4:8], header[8:16], header[40:44]) == (b"RIFF", b"\xff" * 4, b"WAVEfmt ", b"\xff" * 4)
    whole = encode(music(1, 2), RATE)
    assert header[12:40] == whole[12:40]


@pytest.mark.parametrize("format", Format)
def test_a_stream_without_any_sound_ends_without_an_error(format: Format) -> None:
    encoder = StreamEncoder(Encoding(format), RATE, 1)
    encoder.add(np.zeros((1, 0), np.float32))
    encoder.finish()


def test_an_abandoned_stream_leaves_nothing_behind() -> None:
    for _ in range(20):
        StreamEncoder(Encoding(Format.MP3), RATE, 2).add(music(0.1, 2))


@pytest.mark.parametrize("format", Format)
def test_what_is_no_sound_is_refused_before_anything_is_written(format: Format) -> None:
    encoder = StreamEncoder(Encoding(format), RATE, 1)
    with pytest.raises(ValueError, match="NaN or infinity"):
        encoder.add(np.full((1, 9), np.inf, np.float32))
