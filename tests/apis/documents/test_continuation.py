"""Uploads to go on from: which part reaches the synthesizer, and that no bad file does."""

from __future__ import annotations

import gc
import json
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musicgen_api.apis.documents.schemas import generate_schema, load_request, music_schema
from musicgen_api.apis.rendering import recipe_of
from musicgen_api.audio.encode import encode
from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.audio.recipe import as_json, tags_of
from musicgen_api.domain.recipe import Codes, Recipe
from musicgen_api.domain.request import Continuation, Take
from musicgen_api.models.catalog import Catalog
from musicgen_api.settings import Settings
from tests.helpers.fakes import Pause, Service, play, service
from tests.helpers.routes import INVALID_STATUS, VALID, assert_error, assert_music
from tests.helpers.sounds import RATE, ffmpeg_makes, likeness_db, music, sound_file
from tests.helpers.uploads import data_url, send_form, send_json

Send = Callable[..., Any]
SENDS = [send_form, send_json]
SETTINGS = Settings()
CATALOG = Catalog(SETTINGS)
SOUND = music(4, 2)
FILE = sound_file(SOUND)


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with service() as running:
        yield running


def kept(running: Service) -> Continuation:
    continuation = running.synthesizer.requests[-1].continuation
    assert continuation is not None
    return continuation


def codes_of(seconds: float, seed: int = 0) -> Codes:
    ids = np.random.default_rng(seed).integers(0, 2048, (4, round(50 * seconds))).astype(np.uint16)
    return Codes(ids, 2048, 50.0, "sha256:1234")


def our_file(sound: np.ndarray, codes: Codes | None, format: Format = Format.WAV, **request: Any) -> bytes:
    return encode(sound, RATE, Encoding(format), tags_of(Recipe(request | {"description": "piano"}, "1", codes)))


@pytest.mark.parametrize("send", SENDS)
@pytest.mark.parametrize("route", VALID)
@pytest.mark.parametrize(
    ("sent", "start_s", "end_s"),
    [
        ({}, 0, 4),
        ({"continuation_start": 1.5}, 1.5, 4),
        ({"continuation_end": 2.25}, 0, 2.25),
        ({"continuation_start": 1, "continuation_end": 3}, 1, 3),
        ({"continuation_end": 4.05}, 0, 4),
    ],
    ids=repr,
)
def test_the_part_reaches_the_synthesizer_as_sound(
    running: Service, route: str, send: Send, sent: dict[str, Any], start_s: float, end_s: float
) -> None:
    assert_music(running, send(running, route, continuation=FILE, duration=10, **sent))
    expected = SOUND[:, round(start_s * RATE) : round(end_s * RATE)]
    assert np.allclose(kept(running).sound.samples, expected, atol=1e-4)
    assert kept(running).duration_s == pytest.approx(end_s - start_s)
    assert kept(running).codes is None


@pytest.mark.parametrize(
    ("kind", "rate", "channels"),
    [("WAV", 8_000, 1), ("WAV", 96_000, 2), ("FLAC", 44_100, 2), ("OGG", 48_000, 1), ("MP3", 32_000, 2)],
)
def test_files_of_all_kinds_and_rates_are_taken(running: Service, kind: str, rate: int, channels: int) -> None:
    subtype = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(kind, "PCM_16")
    file = sound_file(music(2, channels, rate=rate), rate, kind, subtype)
    assert_music(running, send_form(running, "/generate", continuation=file))
    sound = kept(running).sound
    assert len(sound.samples) == channels
    assert sound.sample_rate == min(rate, 48_000)
    assert sound.duration_s == pytest.approx(2, abs=0.06)


@pytest.mark.parametrize("format", [Format.WAV, Format.FLAC, Format.MP3, Format.OPUS, Format.AAC])
def test_a_file_of_ours_brings_the_codes_of_the_same_part(running: Service, format: Format) -> None:
    codes = codes_of(4)
    file = our_file(SOUND, codes, format)
    assert_music(running, send_form(running, "/generate", continuation=file))
    found = kept(running).codes
    assert found is not None
    assert np.array_equal(found.ids, codes.ids)
    sent = {"continuation": file, "continuation_start": 1, "continuation_end": 2.5}
    assert_music(running, send_json(running, "/api/music", **sent))
    part = kept(running)
    assert part.codes is not None
    assert np.array_equal(part.codes.ids, codes.ids[:, 50:125])
    assert (
        likeness_db(SOUND[:, RATE : RATE * 5 // 2], part.sound.samples[:, : RATE * 3 // 2]) > 10
        or format is Format.OPUS
    )


@pytest.mark.parametrize("start_s", [0, 0.011, 0.99, 1.003, 2.015])
@pytest.mark.parametrize("end_s", [2.7, 2.996, 3.01, 3.999, 4])
def test_wherever_it_is_cut_the_codes_are_whole_frames_of_what_is_kept(start_s: float, end_s: float) -> None:
    body = VALID["/generate"] | {"continuation": our_file(SOUND, codes_of(4))}
    request = load_request(
        generate_schema(SETTINGS), body | {"continuation_start": start_s, "continuation_end": end_s}, CATALOG
    )
    part = request.continuation
    assert part is not None
    assert part.codes is not None
    assert part.codes.ids.shape[1] == int((end_s - start_s) * 50 + 1e-6)


@pytest.mark.parametrize(
    ("seconds", "codes_s", "request_", "used"),
    [
        (4, 4, {}, True),
        (4, 6, {"loop": True}, True),
        (4, 6, {}, False),
        (4, 7, {"loop": True}, False),
        (3, 4, {}, False),
        (4, 3, {}, False),
        (4, 3.9, {}, True),
    ],
)
def test_the_codes_of_a_file_that_was_cut_since_are_not_used(
    running: Service, seconds: int, codes_s: float, request_: dict[str, Any], used: bool
) -> None:
    file = our_file(music(seconds), codes_of(codes_s), **request_)
    assert_music(running, send_form(running, "/generate", continuation=file))
    assert (kept(running).codes is not None) is used


def test_the_recipe_says_how_much_was_there_and_its_file_is_what_to_go_on_from() -> None:
    body = VALID["/api/music"] | {"continuation": our_file(SOUND, codes_of(4)), "duration": 8}
    body |= {"continuation_start": 1, "continuation_end": 2.999}
    request = load_request(music_schema(SETTINGS), body, CATALOG)
    sound, codes = music(8), codes_of(8, seed=3)
    recipe = recipe_of(request, Take(request.seed, sound, codes))
    assert {name: recipe.request[name] for name in recipe.request if "continuation" in name} == {
        "continuation_start": 0.0,
        "continuation_end": 1.98,
    }
    file = encode(sound, RATE, Encoding(Format.FLAC), tags_of(recipe))
    again = load_request(music_schema(SETTINGS), dict(recipe.request) | {"continuation": file}, CATALOG)
    assert again.continuation is not None
    assert again.continuation.codes is not None
    assert np.array_equal(again.continuation.codes.ids, codes.ids[:, :99])
    assert recipe_of(again, Take(request.seed, sound, codes)).request == recipe.request


@pytest.mark.parametrize("send", SENDS)
@pytest.mark.parametrize("route", VALID)
@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({"duration": 4}, "duration"),
        ({"duration": 2, "continuation_end": 2}, "duration"),
        ({"duration": 1, "continuation_start": 2.5}, "duration"),
        ({"continuation_end": 5}, "continuation_end"),
        ({"continuation_start": 4}, "continuation_start"),
        ({"continuation_start": 100}, "continuation_start"),
        ({"continuation_start": 2, "continuation_end": 2.05}, "continuation_start"),
        ({"continuation_start": 3, "continuation_end": 2}, "continuation_start"),
        ({"continuation_start": -1}, "continuation_start"),
        ({"continuation_end": "two"}, "continuation_end"),
    ],
    ids=repr,
)
def test_a_part_that_is_none_or_leaves_nothing_to_make_is_refused_by_name(
    running: Service, route: str, send: Send, sent: dict[str, Any], wrong: str
) -> None:
    error = assert_error(send(running, route, continuation=FILE, **sent), INVALID_STATUS[route], "invalid_fields")
    assert set(error["fields"]) == {wrong}


def test_sections_must_be_longer_than_what_is_kept(running: Service) -> None:
    body = {"continuation": data_url(FILE), "sections": [{"description": "a", "duration": 2}] * 2}
    error = assert_error(running.client.post("/api/music", json=body), 400, "invalid_fields")
    assert set(error["fields"]) == {"sections"}
    body["sections"] = [{"description": "a", "duration": 3}] * 2
    assert_music(running, running.client.post("/api/music", json=body))


def damaged_recipe(**changes: Any) -> bytes:
    """A file of ours whose codes are made up."""
    body = as_json(Recipe({"description": "piano"}, "1", codes_of(4)))
    body["codes"] |= changes
    return encode(SOUND, RATE, Encoding(), {"MUSICGEN_RECIPE": json.dumps(body)})


def lying() -> bytes:
    """A WAV file that says it is three times as long."""
    return FILE[:40] + struct.pack("<I", 3 * len(FILE)) + FILE[44:]


BAD: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"slow sad piano" * 1000,
    "a picture": lambda: b"\x89PNG\r\n\x1a\n" + b"\0" * 1000,
    "no samples": lambda: sound_file(music(1)[:, :0]),
    "silence": lambda: sound_file(np.zeros((1, RATE), np.float32)),
    "cut off": lambda: FILE[: len(FILE) // 4],
    "lying": lying,
    "noise behind a name": lambda: b"fLaC" + os.urandom(5000),
    "nine channels": lambda: sound_file(np.repeat(music(1), 9, axis=0)),
    "a playlist": lambda: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
    "eleven minutes": lambda: sound_file(np.full((1, 8_000 * 660), 0.1, np.float32), 8_000, subtype="PCM_U8"),
    "not a number": lambda: sound_file(np.full((1, RATE), np.nan, np.float32), subtype="FLOAT"),
    "codes of hours": lambda: damaged_recipe(shape=[4, 10 * 3600 * 50]),
    "codes of another length": lambda: damaged_recipe(shape=[4, 100]),
    "codes out of range": lambda: damaged_recipe(cardinality=1000),
    "codes that were changed": lambda: damaged_recipe(crc32=1),
    "no name of a codec": lambda: damaged_recipe(codec=None),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
@pytest.mark.parametrize("route", VALID)
def test_a_bad_file_is_refused_by_name_and_the_service_is_free(
    running: Service, route: str, make: Callable[[], bytes]
) -> None:
    before = len(running.synthesizer.requests)
    response = send_form(running, route, continuation=make(), duration=60)
    error = assert_error(response, INVALID_STATUS[route], "invalid_fields")
    assert list(error["fields"]) == ["continuation"]
    assert not running.gpu_thread.busy
    assert len(running.synthesizer.requests) == before


def test_a_bad_file_is_refused_while_another_piece_is_made_too(running: Service) -> None:
    pause = running.synthesizer.act = Pause()
    job = running.gpu_thread.submit(load_request(generate_schema(SETTINGS), VALID["/generate"], CATALOG))
    try:
        assert_error(send_form(running, "/generate", continuation=b"x"), 422, "invalid_fields")
        assert_error(send_form(running, "/generate", continuation=FILE), 503, "busy")
    finally:
        pause.proceed.set()
        running.synthesizer.act = play
    while job.wait(0.1) is None:
        pass


def test_a_video_s_sound_is_taken(running: Service) -> None:
    picture = ["-f", "lavfi", "-i", "color=size=64x64:rate=5:duration=2", "-f", "lavfi", "-i", "sine=duration=2"]
    file = ffmpeg_makes(*picture, "-c:v", "libvpx", "-c:a", "libopus", kind="webm")
    assert_music(running, send_form(running, "/generate", continuation=file))
    assert kept(running).duration_s == pytest.approx(2, abs=0.1)


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_two_hundred_bad_uploads_leave_no_growth(running: Service) -> None:
    files = [make() for name, make in BAD.items() if name != "eleven minutes"]
    large = sound_file(music(20, 2))  # 2.5 MB

    def send(count: int) -> None:
        for number in range(count):
            file = large[: len(large) // 3] if number % 2 else files[number // 2 % len(files)]
            assert send_form(running, "/generate", continuation=file).status_code == 422

    send(60)
    gc.collect()
    before = resident_bytes()
    send(200)
    gc.collect()
    assert resident_bytes() - before < 30 * 2**20  # one in ten that were kept would be more
    assert not running.gpu_thread.busy
