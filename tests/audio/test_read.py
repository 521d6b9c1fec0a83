"""Uploads as they come: all kinds of good files, and every kind of bad one."""

from __future__ import annotations

import io
import resource
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import reduce
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen.mp4 import MP4

from musicgen_api.audio.containers import Container, opened
from musicgen_api.audio.encode import StreamEncoder, encode
from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.audio.read import Limits, UnreadableSound, converted, read
from tests.helpers.sounds import RATE, ffmpeg_makes, likeness_db, music, sound_file

LOSSLESS = [
    ("WAV", "PCM_24"),
    ("WAV", "PCM_32"),
    ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"),
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
]
COARSE = [
    ("WAV", "PCM_U8"),
    ("WAV", "ULAW"),
    ("WAV", "ALAW"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
]
FILES = [Format.WAV, Format.FLAC, Format.MP3, Format.OPUS, Format.AAC]


def refusal(file: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(UnreadableSound) as refused:
        read(file, limits=limits)
    return str(refused.value)


@contextmanager
def at_most_more_memory(limit: int) -> Iterator[None]:
    """Hold the block to it: at no moment the process has `limit` bytes more than before."""
    status = Path("/proc/self/status")

    def kilobytes(name: str) -> int:
        return int(next(line for line in status.read_text().splitlines() if line.startswith(name)).split()[1])

    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = kilobytes("VmRSS")
    yield
    assert kilobytes("VmHWM") - before < limit / 1024


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("kind", "subtype"), [*LOSSLESS, ("WAV", "PCM_16"), ("WAVEX", "PCM_16")])
def test_lossless_files_are_read_to_the_sample(kind: str, subtype: str, channels: int) -> None:
    samples = music(1, channels)
    recorded = read(sound_file(samples, RATE, kind, subtype))
    assert (recorded.sample_rate, recorded.samples.shape, recorded.samples.dtype) == (RATE, samples.shape, np.float32)
    assert np.abs(recorded.samples - samples).max() < 2**-15


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("kind", "subtype"), COARSE)
def test_other_files_are_read_as_well_as_they_are_coded(kind: str, subtype: str, channels: int) -> None:
    samples = music(1, channels, rate=48_000)
    recorded = read(sound_file(samples, 48_000, kind, subtype))
    assert recorded.samples.shape == samples.shape
    assert likeness_db(samples, recorded.samples) > 12


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("format", FILES)
def test_our_own_files_come_back_as_long_as_they_were(format: Format, channels: int) -> None:
    samples = music(2, channels)[:, : RATE + 1_237]
    recorded = read(encode(samples, RATE, Encoding(format)), sample_rate=RATE)
    assert recorded.samples.shape == samples.shape
    assert likeness_db(samples, recorded.samples) > 12


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_any_rate_becomes_the_models(rate: int, channels: int) -> None:
    recorded = read(sound_file(music(1, channels, rate=rate), rate), sample_rate=RATE, channels=channels)
    assert recorded.samples.shape == (channels, RATE)
    inner = slice(1_000, -1_000)
    assert likeness_db(music(1, channels)[:, inner], recorded.samples[:, inner]) > 8  # the noise is another one


def test_converting_later_is_converting_while_reading() -> None:
    file = sound_file(music(1, 2, rate=44_100), 44_100)
    at_once, later = read(file, sample_rate=RATE, channels=1), converted(read(file), RATE, channels=1)
    assert np.allclose(at_once.samples, later.samples, atol=1e-6)
    assert later.duration_s == pytest.approx(1)


def test_a_higher_rate_than_any_model_has_is_not_kept() -> None:
    assert read(sound_file(music(1, rate=96_000), 96_000)).sample_rate == 48_000


def test_stereo_becomes_mono_by_its_mean_and_mono_stereo_by_repetition() -> None:
    stereo = music(0.5, 2)
    mono = read(sound_file(stereo, subtype="FLOAT"), channels=1).samples
    assert np.allclose(mono, stereo.mean(axis=0), atol=1e-6)
    both = read(sound_file(stereo[:1], subtype="FLOAT"), channels=2).samples
    assert np.array_equal(both[0], both[1])


@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "FLAC"])
@pytest.mark.parametrize("channels", [3, 4, 5, 6, 7, 8])
def test_more_channels_are_mixed_down_and_do_not_clip(channels: int, kind: str) -> None:
    samples = np.ones((channels, RATE), np.float32) * 0.9
    recorded = read(sound_file(samples, kind=kind))
    assert recorded.samples.shape == (2, RATE)
    assert 0.1 < recorded.samples.max() <= 0.9001


def test_left_stays_left_in_a_film() -> None:
    samples = np.zeros((6, RATE), np.float32)
    samples[0] = 0.5
    film = ffmpeg_makes("-i", "-", "-channel_layout", "5.1", kind="flac", sound=sound_file(samples, kind="WAVEX"))
    left, right = read(film).samples
    assert left.max() > 0.1
    assert np.abs(right).max() < 1e-3


@pytest.mark.parametrize("kind", ["mp4", "webm"])
def test_a_video_is_read_for_its_sound(kind: str) -> None:
    codec = ["-c:v", "mpeg4", "-movflags", "frag_keyframe+empty_moov"] if kind == "mp4" else ["-c:v", "libvpx"]
    picture = ["-f", "lavfi", "-i", "testsrc=d=1:s=64x64"]
    film = ffmpeg_makes(*picture, "-i", "-", *codec, kind=kind, sound=sound_file(music(1)))
    assert read(film, sample_rate=RATE).duration_s == pytest.approx(1, abs=0.1)
    assert refusal(ffmpeg_makes(*picture, *codec, kind=kind)) == "There is no sound in it."


def test_a_recording_of_a_browser_is_read() -> None:
    recording = ffmpeg_makes("-i", "-", "-c:a", "libopus", kind="webm", sound=sound_file(music(1)))
    assert read(recording, sample_rate=RATE).duration_s == pytest.approx(1, abs=0.05)


def test_floats_beyond_full_scale_are_scaled_down() -> None:
    recorded = read(sound_file(20 * music(1), subtype="FLOAT"))
    assert np.abs(recorded.samples).max() == pytest.approx(1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(value: float) -> None:
    assert "NaN" in refusal(sound_file(np.full((1, 99), value, np.float32), subtype="FLOAT"))


@pytest.mark.parametrize(
    ("file", "why"),
    [
        *((b"", "empty"), (bytes(5_000), "not a WAV"), (bytes(range(256)) * 9, "not a WAV"), (b"RIFF", "not a WAV")),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "not a WAV"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "not a WAV"),
        (b"<?xml version='1.0'?><MPD/>", "not a WAV"),
        (b"RIFF\0\0\0\0WAVE", "cannot be read as WAV"),
        *((b"fLaC", "cannot be read as FLAC"), (b"OggS", "cannot be read as Ogg"), (b"ID3", "cannot be read as MP3")),
        *((b"\xff\xfb\x90\x00" * 9, "MP3"), (b"\x1aE\xdf\xa3webm" * 9, "WebM"), (b"\0\0\0\x18ftypM4A " * 9, "MP4")),
        *((sound_file(np.zeros((1, 0))), "no sound"), (sound_file(np.zeros((2, RATE))), "silent")),
        (sound_file(music(0.1), kind="W64"), "not a WAV"),
        *((sound_file(music(0.1), 4_000), "4000 Hz"), (sound_file(music(0.1), 384_000), "384000 Hz")),
        (sound_file(np.ones((9, 99))), "9 channels"),
        (sound_file(music(0.1), subtype="GSM610", rate=8_000), "gsm"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_read_is_refused_with_a_reason(file: bytes, why: str) -> None:
    reason = refusal(file)
    assert why in reason
    assert reason.endswith(".")


def test_matroska_is_not_webm() -> None:
    assert "not a WAV" in refusal(ffmpeg_makes("-i", "-", kind="matroska", sound=sound_file(music(0.1))))


def test_a_codec_that_is_not_listed_is_not_run() -> None:
    assert "coded as ac3" in refusal(
        ffmpeg_makes("-i", "-", "-c:a", "ac3", "-movflags", "delay_moov", kind="mp4", sound=sound_file(music(0.5)))
    )


def test_a_file_that_changes_on_the_way_is_refused() -> None:
    one, other = (
        ffmpeg_makes("-i", "-", kind="ogg", sound=sound_file(music(1, c, rate=r), r))
        for c, r in ((1, 16_000), (2, 44_100))
    )
    assert refusal(one + other)


# Limits, and files that lie about them


def patched(file: bytes, at: int, value: bytes) -> bytes:
    return file[:at] + value + file[at + len(value) :]


WAV = sound_file(music(1))
FLAC = encode(music(1), RATE, Encoding(Format.FLAC))
M4A = encode(music(1), RATE, Encoding(Format.AAC))
FRAGMENTED = b"".join(
    (stream := StreamEncoder(Encoding(Format.AAC), RATE, 1), [stream.add(music(1)), stream.finish()])[1]
)


def test_the_limits_hold() -> None:
    assert "at most 1000" in refusal(WAV, Limits(size=1_000))
    for format in FILES:
        assert "at most 1 s" in refusal(encode(music(3), RATE, Encoding(format)), Limits(duration_s=1))


@pytest.mark.parametrize("format", FILES)
def test_a_long_silence_in_a_small_file_is_given_up_at_the_limit(format: Format) -> None:
    silence = np.zeros((1, 8_000 * 400), np.float32)  # 13 MB as floats
    file = encode(silence, 8_000, Encoding(format))
    with at_most_more_memory(8 * 2**20):
        assert "at most 10 s" in refusal(file, Limits(duration_s=10))


@pytest.mark.parametrize(
    "file",
    [
        patched(WAV, 40, struct.pack("<I", 2**31)),
        patched(WAV, 40, struct.pack("<I", 2**31 - 2**20)),
        patched(FLAC, 21, bytes([FLAC[21] | 0x0F, 0xFF, 0xFF, 0xFF, 0xFF])),  # 2^36 samples
        patched(FLAC, 22, struct.pack(">I", RATE * 36_000)),
        patched(M4A, M4A.index(b"stts") + 16, struct.pack(">I", RATE * 3_600)),
    ],
    ids=["WAV 2^31 bytes", "WAV 2^31 less a little", "FLAC 2^36 samples", "FLAC 10 hours", "M4A an hour each packet"],
)
def test_a_header_that_claims_hours_is_refused_at_once(file: bytes) -> None:
    assert refusal(file)


@pytest.mark.parametrize("unknown", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF - 36])
def test_a_stream_of_unknown_size_is_read_to_its_end(unknown: int) -> None:
    assert read(patched(WAV, 40, struct.pack("<I", unknown))).samples.shape == (1, RATE)


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.8])
@pytest.mark.parametrize(
    "file",
    [sound_file(music(4)), encode(music(4), RATE, Encoding(Format.FLAC)), encode(music(4), RATE, Encoding(Format.AAC))],
    ids=["WAV", "FLAC", "M4A"],
)
def test_a_file_that_ends_early_is_refused(file: bytes, kept: float) -> None:
    assert "ends" in refusal(file[: int(len(file) * kept)])


@pytest.mark.parametrize("format", [Format.MP3, Format.OPUS])
def test_a_cut_stream_is_read_as_far_as_it_goes(format: Format) -> None:
    file = encode(music(4), RATE, Encoding(format))
    assert read(file[: len(file) // 2]).duration_s == pytest.approx(2, abs=0.3)


def test_the_clock_ends_a_file_that_takes_too_long() -> None:
    reason = refusal(encode(music(20, 2), RATE, Encoding(Format.OPUS)), Limits(decoding_s=0.0))
    assert "too long" in reason or "more than" in reason


def claims(name: bytes, at: int, *values: int, file: bytes = M4A) -> bytes:
    """The file with other integers in the table `name`, `at` bytes behind the name."""
    begin = file.index(name) + 4 + at
    return patched(file, begin, struct.pack(f">{len(values)}I", *values))


@pytest.mark.parametrize("samples", [2 * 10**6, 10**7, 8 * 10**7, 2**31 - 1, 2**32 - 1])
@pytest.mark.parametrize("table", ["stsz", "trun", "stsc"])
def test_an_index_that_claims_millions_of_packets_takes_neither_memory_nor_time(table: str, samples: int) -> None:
    file = (
        claims(b"stsc", 12, min(samples, 2**31 - 1))
        if table != "trun"
        else claims(b"trun", 4, samples, file=FRAGMENTED)
    )
    if table == "stsz":
        file = claims(b"stsz", 4, 1, samples, file=file)
    started = time.process_time()
    with at_most_more_memory(100 * 2**20), suppress(UnreadableSound):  # unchecked: 400 MB to gigabytes
        read(file)
    assert time.process_time() - started < 1


def test_a_compressed_index_is_refused() -> None:
    assert "index" in refusal(M4A.replace(b"mvhd", b"cmov"))


# Files that are made of tags

MANY = 200_000
"""Unchecked, FFmpeg works on them for a minute or more and cannot be interrupted."""


def vorbis_comments(count: int, name: str = "k{:06x}") -> bytes:
    comments = (name.format(number).encode() + b"=v" for number in range(count))
    listed = b"".join(struct.pack("<I", len(comment)) + comment for comment in comments)
    return struct.pack("<I", 0) + struct.pack("<I", count) + listed


def flac_with(count: int) -> bytes:
    flac = sound_file(music(0.4), RATE, "FLAC")
    body = vorbis_comments(count)
    last = flac[4] & 0x80
    block = bytes([4 | last]) + struct.pack(">I", len(body))[1:] + body
    return flac[:4] + bytes([flac[4] & 0x7F]) + flac[5:42] + block + flac[42:]


OGG_TABLE = [reduce(lambda crc, _: crc << 1 ^ (crc >> 31) * 0x104C11DB7, range(8), byte << 24) for byte in range(256)]


def ogg_checksum(page: bytes) -> int:
    return reduce(lambda crc, byte: (crc << 8 ^ OGG_TABLE[crc >> 24 ^ byte]) & 0xFFFFFFFF, page, 0)


def ogg_with(count: int) -> bytes:
    """An Opus file whose second packet has so many comments."""
    opus = encode(music(0.4), RATE, Encoding(Format.OPUS))
    second = opus.index(b"OggS", 4)
    third = opus.index(b"OggS", second + 4)
    body = b"OpusTags" + vorbis_comments(count)
    pages = []
    for begin in range(0, len(body), 255 * 255):
        part = body[begin : begin + 255 * 255]
        lengths = b"\xff" * (len(part) // 255) + (bytes([len(part) % 255]) if len(part) < 255 * 255 else b"")
        head = opus[second : second + 5] + (b"\1" if begin else b"\0") + opus[second + 6 : second + 26]
        page = head[:22] + bytes(4) + bytes([len(lengths)]) + lengths + part
        pages.append(page[:22] + struct.pack("<I", ogg_checksum(page)) + page[26:])
    return opus[:second] + b"".join(pages) + opus[third:]


def mp3_with(count: int) -> bytes:
    frames = b"".join(b"TXXX\0\0\0\x0b\0\0\0k%06x\0v\0" % number for number in range(count))
    size = len(frames)
    said = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + said + frames + encode(music(0.4), RATE, Encoding(Format.MP3))


def wav_with(count: int) -> bytes:
    infos = b"INFO" + b"".join(struct.pack("<II", 0x41414141 + number, 2) + b"v\0" for number in range(count))
    wav = sound_file(music(0.4))
    return wav[:36] + b"LIST" + struct.pack("<I", len(infos)) + infos + wav[36:]


def m4a_with(count: int) -> bytes:
    memory = io.BytesIO(encode(music(0.4), RATE, Encoding(Format.AAC)))
    tags = MP4(memory)
    for number in range(min(count, 5_000)):
        tags[f"----:com.example:k{number:06x}"] = [b"v"]
    memory.seek(0)
    tags.save(memory)
    return memory.getvalue()


@pytest.mark.parametrize("make", [flac_with, ogg_with, mp3_with, wav_with, m4a_with])
def test_a_file_that_is_made_of_tags_is_refused_at_once(make: Callable[[int], bytes]) -> None:
    assert read(make(50)).duration_s == pytest.approx(0.4, abs=0.1)
    started = time.process_time()
    assert "too many tags" in refusal(make(MANY))
    assert time.process_time() - started < 5  # most of it makes the file


def test_silence_in_a_stream_is_not_taken_for_chunks() -> None:
    wav = sound_file(np.concatenate([music(0.4), np.zeros((1, 200_000), np.float32)], axis=1))
    assert read(wav[:40] + bytes(4) + wav[44:]).duration_s == pytest.approx(6.65)


def test_the_clock_holds_while_a_file_is_opened() -> None:
    with pytest.raises(UnreadableSound, match="too long to read"), opened(SEEDS[0], Container.WAV, 1e-9):
        pass


def test_a_file_of_nothing_but_beginnings_is_refused_in_time() -> None:
    """The time-out of FFmpeg's own is for networks: it does not look at the clock while it reads from memory."""
    for file in (b"OggS" * 2_000_000, sound_file(music(0.4))[:12] + b"abcd\0\0\0\0" * 1_000_000):
        started = time.process_time()
        assert refusal(file)
        assert time.process_time() - started < 3


# Any bytes at all

SEEDS = [
    *(encode(music(0.4, 2), RATE, Encoding(format)) for format in FILES),
    FRAGMENTED,
    sound_file(music(0.4, 2), 48_000, "OGG", "VORBIS"),
    sound_file(music(0.4, 6), 16_000, "WAVEX", "PCM_24"),
]
INTEGERS = [0, 1, 0x7F, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 10**6, 10**7]


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    """A good file with some bytes changed, cut out, repeated, or the rest cut off; often near its ends."""
    file = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        near = draw(st.sampled_from([64, 1_000, len(file)]))
        at = draw(st.integers(0, max(min(near, len(file)) - 1, 0)))
        at = len(file) - 1 - at if draw(st.integers(0, 3)) == 0 else at
        match draw(st.sampled_from(["byte", "big", "little", "cut out", "repeat", "cut off"])):
            case "byte":
                file[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case "big" | "little" as order:
                file[at : at + 4] = struct.pack(">I" if order == "big" else "<I", draw(st.sampled_from(INTEGERS)))
            case "cut out":
                del file[at : at + draw(st.integers(1, 300))]
            case "repeat":
                file[at:at] = file[at : at + draw(st.integers(1, 300))]
            case _:
                del file[at + 1 :]
    return bytes(file)


@settings(max_examples=400)
@given(damaged_files(), st.sampled_from([None, RATE]), st.sampled_from([None, 1, 2]))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(
    file: bytes, rate: int | None, channels: int | None
) -> None:
    try:
        recorded = read(file, sample_rate=rate, channels=channels)
    except UnreadableSound:
        return
    assert recorded.samples.dtype == np.float32
    assert recorded.samples.shape[0] == (channels or recorded.samples.shape[0]) in (1, 2)
    assert np.abs(recorded.samples).max() <= 1


@given(
    st.binary(max_size=2_000),
    st.sampled_from(
        [b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS", b"ID3", b"\0\0\0\x18ftypM4A ", b"\x1aE\xdf\xa3webm", b"\xff\xfb\x90"]
    ),
)
def test_any_bytes_behind_a_good_beginning_are_refused(rest: bytes, beginning: bytes) -> None:
    with pytest.raises(UnreadableSound):
        read(beginning + rest)


def test_two_hundred_bad_files_leave_no_memory_behind() -> None:
    random = np.random.default_rng(0)
    bad = [
        refusable
        for seed in SEEDS
        for refusable in (
            seed[: len(seed) // 3],
            patched(seed, len(seed) // 4, random.bytes(2_000)),
            seed[:40] + random.bytes(20_000),
        )
    ]

    def read_them(count: int) -> int:
        for file in islice(cycle(bad), count):
            with suppress(UnreadableSound):
                read(file)
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    before = read_them(100)  # caches fill
    assert read_them(200) - before < 8 * 2**20
