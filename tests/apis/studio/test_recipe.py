"""`POST /api/recipe` says what a file says of itself, and refuses what is none."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from musicgen_api.apis.rendering import FORMATS
from musicgen_api.audio.encode import encode
from musicgen_api.audio.formats import Encoding
from musicgen_api.audio.recipe import as_json
from musicgen_api.domain.recipe import Codes, Recipe
from tests.helpers.fakes import Service, service
from tests.helpers.routes import assert_error
from tests.helpers.server import read_events
from tests.helpers.sounds import RATE, music, sound_file
from tests.helpers.uploads import data_url, send_form, send_json

ROUTE = "/api/recipe"
SOUND = music(1)
CODES = Codes(np.arange(200, dtype=np.uint16).reshape(4, 50), 2048, 50.0, "sha256:1234")


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with service() as running:
        yield running


def file_with(recipe: dict[str, Any] | str) -> bytes:
    text = recipe if isinstance(recipe, str) else json.dumps(recipe)
    return encode(SOUND, RATE, Encoding(), {"MUSICGEN_RECIPE": text})


def asking(**request: Any) -> dict[str, Any]:
    return as_json(Recipe({"description": "piano", "duration": 1, "seed": 3} | request, "1", CODES))


@pytest.mark.parametrize("send", [send_form, send_json])
@pytest.mark.parametrize("format", [name for name in FORMATS if name != "pcm"])
def test_what_a_piece_was_made_of_is_read_from_its_file(running: Service, send: Any, format: str) -> None:
    body = {"description": "slow sad piano", "duration": 1, "seed": 1, "format": format, "loudness": -20, "loop": False}
    *_, last = read_events(running.client.post("/api/music", json=body).data.splitlines())
    response = send(running, ROUTE, file=base64.b64decode(last["audio_data"]))
    assert response.status_code == 200
    told = response.get_json()
    assert told == last["recipe"]
    assert {name: told["request"][name] for name in body} == body


def test_the_codes_are_told_as_they_stand_in_the_file(running: Service) -> None:
    response = send_form(running, ROUTE, file=file_with(asking()))
    assert response.get_json() == asking()
    assert response.get_json()["codes"]["shape"] == [4, 50]


def test_a_piece_that_went_on_from_another_says_so(running: Service) -> None:
    recipe = asking(continuation_start=0.0, continuation_end=0.5)
    assert send_form(running, ROUTE, file=file_with(recipe)).get_json() == recipe


WITHOUT: dict[str, bytes] = {"nothing": b"", "text": b"piano", "a plain file": sound_file(SOUND)}

BAD: dict[str, bytes] = {
    "no JSON": file_with("{"),
    "another version": file_with(asking() | {"recipe": 2}),
    "a model that nobody has": file_with(asking(model="somebody/else")),
    "a path for a model": file_with(asking(model="/etc/passwd")),
    "ten hours": file_with(asking(duration=36_000)),
    "codes of ten hours": file_with(asking() | {"codes": asking()["codes"] | {"shape": [4, 1_800_000]}}),
    "damaged codes": file_with(asking() | {"codes": asking()["codes"] | {"crc32": 0}}),
    "an unknown field": file_with(asking(tempo=120)),
    "no description": file_with(as_json(Recipe({"duration": 1}, "1", CODES))),
}


@pytest.mark.parametrize(("name", "file"), (WITHOUT | BAD).items(), ids=WITHOUT | BAD)
@pytest.mark.parametrize("send", [send_form, send_json])
def test_a_file_without_a_recipe_that_can_be_followed_is_422(
    running: Service, send: Any, name: str, file: bytes
) -> None:
    code = "no_recipe" if name in WITHOUT else "invalid_fields"
    error = assert_error(send(running, ROUTE, file=file), 422, code)
    assert list(error["fields"]) == ["file"]
    assert all(reason.endswith(".") for reason in error["fields"]["file"])


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"file"}),
        ({"file": 1}, {"file"}),
        ({"file": "x"}, {"file"}),
        ({"file": data_url(b"x"), "seed": 1}, {"seed"}),
    ],
)
def test_the_body_has_one_file_and_nothing_else(running: Service, body: dict[str, Any], wrong: set[str]) -> None:
    error = assert_error(running.client.post(ROUTE, json=body), 422, "invalid_fields")
    assert set(error["fields"]) == wrong


def test_a_body_of_another_kind_is_refused(running: Service) -> None:
    assert_error(running.client.post(ROUTE, json=[]), 400, "not_json")
    assert_error(running.client.post(ROUTE, data=b"RIFF", content_type="audio/wav"), 415, "unsupported_media_type")
    assert running.client.get(ROUTE).status_code == 405
