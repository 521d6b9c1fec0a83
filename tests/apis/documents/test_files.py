"""The files of both routes: formats, names and types, how loud they are, and what they say of themselves."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyloudnorm
import pytest
import soundfile

from musicgen_api.apis.documents.schemas import load_request, music_schema
from musicgen_api.apis.rendering import FORMATS, recipe_of, render
from musicgen_api.audio import recipe as recipes
from musicgen_api.audio.read import read
from musicgen_api.audio.resample import resample
from musicgen_api.audio.wav import encode_wav
from musicgen_api.domain.recipe import Codes, Recipe
from musicgen_api.domain.request import Monitor, Music, MusicRequest, Section, Take
from musicgen_api.models.catalog import Catalog
from musicgen_api.settings import Settings
from musicgen_api.version import VERSION
from tests.helpers.fakes import Service, a_request, service
from tests.helpers.routes import VALID
from tests.helpers.server import read_events
from tests.helpers.sounds import RATE, likeness_db, music, probe

SETTINGS = Settings()
CATALOG = Catalog(SETTINGS)
DURATION_S = 3
SOUND = music(DURATION_S, 2)
TYPES = {
    "wav": ("audio/wav", "music.wav"),
    "flac": ("audio/flac", "music.flac"),
    "mp3": ("audio/mpeg", "music.mp3"),
    "opus": ("audio/ogg", "music.opus"),
    "aac": ("audio/mp4", "music.m4a"),
    "pcm": ("audio/pcm", "music.pcm"),
}
PLAIN = encode_wav(SOUND, RATE, DURATION_S)


def codes_of(seed: int) -> Codes:
    ids = np.random.default_rng(seed).integers(0, 2048, (8, 50 * DURATION_S)).astype(np.uint16)
    return Codes(ids, 2048, 50.0, "sha256:1234")


def play(request: MusicRequest, monitor: Monitor) -> Music:
    """Act as a synthesizer that makes `SOUND`, whatever the seed."""
    return Music(tuple(Take(seed, SOUND, codes_of(seed)) for seed in request.seeds), RATE)


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with service(play) as running:
        yield running


def completed(running: Service, **fields: Any) -> dict[str, Any]:
    body = VALID["/api/music"] | {"duration": DURATION_S, "seed": 7} | fields
    *_, last = read_events(running.client.post("/api/music", json=body).data.splitlines())
    assert last["status"] == "completed", last
    return last


def file_of(running: Service, route: str, **fields: Any) -> bytes:
    if route == "/api/music":
        return base64.b64decode(completed(running, **fields)["audio_data"], validate=True)
    response = running.client.post(route, json=VALID[route] | {"duration": DURATION_S, "seed": 7} | fields)
    assert response.status_code == 200, response.text
    return response.data


def recipe_in(file: bytes) -> Recipe:
    recipe = recipes.read(file)
    assert recipe is not None
    return recipe


@pytest.mark.parametrize("route", VALID)
def test_by_default_the_wav_is_the_plain_one_with_a_recipe_behind_the_sound(running: Service, route: str) -> None:
    assert file_of(running, route, recipe=False) == PLAIN
    file = file_of(running, route)
    assert file == PLAIN[:4] + struct.pack("<I", len(file) - 8) + PLAIN[8:] + file[len(PLAIN) :]
    assert len(file) > len(PLAIN)
    assert np.array_equal(soundfile.read(io.BytesIO(file))[0], soundfile.read(io.BytesIO(PLAIN))[0])


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("route", VALID)
def test_every_format_can_be_read_back_and_sounds_like_the_piece(running: Service, route: str, format: str) -> None:
    file = file_of(running, route, format=format)
    if format == "pcm":
        sound = np.frombuffer(file, "<i2").reshape(-1, 2).T.astype(np.float32) / 32_767
    else:
        assert probe(file)["streams"][0]["channels"] == 2
        sound = read(file, sample_rate=RATE).samples
    length = RATE * DURATION_S
    assert sound.shape == (2, length) if format != "aac" else 0 <= sound.shape[1] - length < 4096
    assert likeness_db(SOUND, sound[:, :length]) > (80 if format in ("wav", "flac", "pcm") else 12)


@pytest.mark.parametrize("format", FORMATS)
def test_type_and_name_fit_the_format_and_stand_in_the_description(running: Service, format: str) -> None:
    body = VALID["/generate"] | {"duration": DURATION_S, "format": format}
    response = running.client.post("/generate", json=body)
    content_type, name = TYPES[format]
    assert response.content_type == content_type
    assert response.headers["Content-Disposition"] == f"attachment; filename={name}"
    assert response.headers["Content-Length"] == str(len(response.data))
    paths = running.client.get("/openapi.json").get_json()["paths"]
    described = paths["/generate"]["post"]["responses"]["200"]["content"]
    assert set(described) == {content_type for content_type, _ in TYPES.values()}


@pytest.mark.parametrize(("format", "rate"), [("wav", RATE), ("opus", 48_000), ("pcm", RATE), ("mp3", RATE)])
def test_the_last_event_says_the_file_s_own_sample_rate(running: Service, format: str, rate: int) -> None:
    assert completed(running, format=format)["sample_rate"] == rate


@pytest.mark.parametrize("route", VALID)
def test_without_a_format_a_piece_at_16_khz_becomes_what_the_documents_promise(route: str) -> None:
    slow = music(DURATION_S, 1, rate=16_000)
    with service(lambda request, monitor: Music((Take(7, slow),), 16_000)) as running:
        promised, told = (file_of(running, route, **fields) for fields in ({}, {"format": "wav"}))
        if route == "/api/music":
            assert completed(running)["sample_rate"] == RATE
            assert completed(running, format="wav")["sample_rate"] == 16_000
    assert soundfile.info(io.BytesIO(promised)).samplerate == RATE
    assert soundfile.info(io.BytesIO(told)).samplerate == 16_000
    assert soundfile.info(io.BytesIO(promised)).frames == RATE * DURATION_S
    again = resample(soundfile.read(io.BytesIO(promised), dtype="float32")[0][None], RATE, 16_000)
    assert likeness_db(slow[:, 800:-800], again[:, 800:-800]) > 30


@pytest.mark.parametrize("route", VALID)
@pytest.mark.parametrize("format", ["wav", "mp3"])
def test_a_loop_is_exactly_as_long_as_asked_for_and_its_seam_is_no_larger_a_step_than_its_own(
    route: str, format: str
) -> None:
    longer = music(DURATION_S + 2, 2)
    longer += np.linspace(-0.2, 0.2, longer.shape[1], dtype=np.float32)  # so that the ends of a cut piece are apart
    with service(lambda request, monitor: Music((Take(7, longer, codes_of(7)),), RATE)) as running:
        file = file_of(running, route, loop=True, format=format)
    looped = read(file, sample_rate=RATE).samples
    assert looped.shape == (2, RATE * DURATION_S)
    steps = np.abs(np.diff(looped, axis=1))
    assert np.abs(looped[:, 0] - looped[:, -1]).max() <= steps.max()
    plain = longer[:, : RATE * DURATION_S]
    assert np.abs(plain[:, 0] - plain[:, -1]).max() > np.abs(np.diff(plain, axis=1)).max()  # which a cut piece fails
    recipe = recipe_in(file)
    assert recipe.request["loop"] is True
    assert recipe.codes is not None


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "pcm"])
@pytest.mark.parametrize("route", VALID)
def test_the_recipe_in_a_file_makes_the_same_file_again(running: Service, route: str, format: str) -> None:
    file = file_of(running, route, format=format, fade_in=0.25, loudness=-20)
    recipe = recipe_in(file)
    assert recipe.version == VERSION
    assert recipe.codes is not None
    assert np.array_equal(recipe.codes.ids, codes_of(7).ids)
    again = load_request(music_schema(SETTINGS), dict(recipe.request), CATALOG)
    assert again == running.synthesizer.requests[-1]
    assert render(play(again, None).takes[0], RATE, again) == file  # type: ignore[arg-type]
    assert probe(file)["format"].get("tags", probe(file)["streams"][0].get("tags"))


@pytest.mark.parametrize(
    "request_",
    [
        a_request(seed=2**53 - 1, mbd=True, top_k=5, top_p=0.5, temperature=0.1, cfg_coef=-2.5, duration=7),
        a_request(description="a", duration=5, sections=(Section("a", 2), Section("b", 3)), fade_out=5.0),
        a_request(loudness=-14.0, format="opus"),
    ],
    ids=["parameters", "sections", "loudness"],
)
def test_a_recipe_is_a_request_of_the_music_document_for_one_take(request_: MusicRequest) -> None:
    told = json.loads(json.dumps(recipe_of(dataclasses.replace(request_, takes=3), Take(request_.seed, SOUND)).request))
    assert load_request(music_schema(SETTINGS), told, CATALOG) == request_


def test_each_take_has_its_own_recipe_also_as_an_object(running: Service) -> None:
    last = completed(running, takes=2)
    assert last["recipe"] == last["takes"][0]["recipe"]
    assert last["seed"] == 7
    for take, seed in zip(last["takes"], [7, 8], strict=True):
        assert take["seed"] == take["recipe"]["request"]["seed"] == seed
        assert recipes.as_json(recipe_in(base64.b64decode(take["audio_data"]))) == take["recipe"]
        codes = recipes.from_json(take["recipe"]).codes
        assert codes is not None
        assert np.array_equal(codes.ids, codes_of(seed).ids)


@pytest.mark.parametrize("format", FORMATS)
def test_without_recipe_nothing_is_said(running: Service, format: str) -> None:
    last = completed(running, format=format, recipe=False, takes=2)
    assert "recipe" not in last
    for take in last["takes"]:
        assert set(take) == {"seed", "audio_data"}
        assert recipes.read(base64.b64decode(take["audio_data"])) is None


@pytest.mark.parametrize("lufs", [-30, -14, -12.5])
def test_the_piece_is_as_loud_as_asked_for(running: Service, lufs: float) -> None:
    sound, rate = soundfile.read(io.BytesIO(file_of(running, "/generate", loudness=lufs, fade_out=0.5)))
    assert pyloudnorm.Meter(rate).integrated_loudness(sound) == pytest.approx(lufs, abs=0.5)
    assert np.abs(sound).max() <= 10 ** (-1 / 20)


def test_fades_go_from_silence_to_silence_and_leave_the_middle(running: Service) -> None:
    faded = soundfile.read(io.BytesIO(file_of(running, "/generate", fade_in=1, fade_out=0.5)), dtype="int16")[0]
    plain = soundfile.read(io.BytesIO(PLAIN), dtype="int16")[0]
    assert np.array_equal(faded[RATE : -RATE // 2], plain[RATE : -RATE // 2])
    assert not faded[0].any()
    assert not faded[-1].any()
    quarter = RATE // 4
    assert np.abs(faded[quarter]).max() == pytest.approx(np.abs(plain[quarter]).max() * np.sin(np.pi / 8) ** 2, abs=2)


@pytest.mark.parametrize(
    ("fade_in", "fade_out"),
    [
        (1.155921875, 1.8440781250000002),
        (1.6661406250000002, 1.333859375),
        (0.8129531250000002, 2.187046875),
    ],
)
def test_fades_that_both_round_up_to_a_sample_fit_all_the_same(
    running: Service, fade_in: float, fade_out: float
) -> None:
    assert fade_in + fade_out <= DURATION_S
    assert round(fade_in * RATE) + round(fade_out * RATE) > DURATION_S * RATE
    assert len(file_of(running, "/generate", fade_in=fade_in, fade_out=fade_out, recipe=False)) == len(PLAIN)
