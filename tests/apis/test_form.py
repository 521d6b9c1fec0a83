"""Requests as multipart/form-data: the same fields, the same checks; files in memory."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen_api.domain.request import Section
from musicgen_api.settings import Settings
from tests.helpers.fakes import Service, service
from tests.helpers.routes import INVALID_STATUS, VALID, assert_error, assert_music
from tests.helpers.sounds import music, sound_file
from tests.helpers.uploads import data_url, form_of, send_form, send_json

SECOND = sound_file(music(1))
LARGE = sound_file(music(25))
"""1.6 MB: Flask's own parser would write it to a file."""
SETTINGS = Settings()


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with service() as running:
        yield running


@pytest.mark.parametrize("route", VALID)
def test_parts_mean_what_json_means(running: Service, route: str) -> None:
    fields = {"duration": 7, "seed": 2**53 - 1, "loudness": -14.5, "recipe": False, "format": "mp3"}
    for send in (send_json, send_form):
        assert send(running, route, **fields).status_code == 200
    first, second = running.synthesizer.requests[-2:]
    assert first == second
    assert (second.duration, second.seed, second.loudness, second.recipe) == (7, 2**53 - 1, -14.5, False)


def test_lists_and_texts_that_look_like_json_are_told_apart(running: Service) -> None:
    sections = [{"description": "1", "duration": 2}, {"description": "true", "duration": 3}]
    body, content_type = form_of({"sections": json.dumps(sections)})
    assert_music(running, running.client.post("/api/music", data=body, content_type=content_type))
    assert running.synthesizer.requests[-1].sections == tuple(Section(**section) for section in sections)
    assert_music(running, send_form(running, "/api/music", description="[1]"))
    assert running.synthesizer.requests[-1].description == "[1]"


@pytest.mark.parametrize("route", VALID)
@pytest.mark.parametrize("as_file", [True, False])
def test_one_part_may_hold_the_fields_as_json_and_others_may_stand_beside_it(
    running: Service, route: str, as_file: bool
) -> None:
    text = json.dumps(VALID[route] | {"duration": 5})
    body, content_type = form_of({"request": text.encode() if as_file else text, "seed": 9, "continuation": SECOND})
    assert_music(running, running.client.post(route, data=body, content_type=content_type))
    request = running.synthesizer.requests[-1]
    assert (request.duration, request.seed) == (5, 9)
    assert request.continuation is not None


@pytest.mark.parametrize("route", VALID)
@pytest.mark.parametrize(
    ("parts", "wrong"),
    [
        ({"duration": "thirty"}, {"duration"}),
        ({"duration": "30.5"}, {"duration"}),
        ({"duration": '"30"'}, {"duration"}),
        ({"duration": "NaN"}, {"duration"}),
        ({"recipe": "yes"}, {"recipe"}),
        ({"recipe": "1"}, {"recipe"}),
        ({"duration": ""}, {"duration"}),
        ({"duration": ["5", "6"]}, {"duration"}),
        ({"request": '{"duration": 5}', "duration": "5"}, {"duration"}),
        ({"tempo": "120"}, {"tempo"}),
        ({"tempo": b"RIFF"}, {"tempo"}),
        ({"continuation": "not a file"}, {"continuation"}),
        ({"continuation": "https://example.org/music.wav"}, {"continuation"}),
        ({"continuation": [b"RIFF", b"RIFF"]}, {"continuation"}),
    ],
)
def test_what_is_wrong_with_a_part_is_said_by_its_name(
    running: Service, route: str, parts: dict[str, Any], wrong: set[str]
) -> None:
    error = assert_error(send_form(running, route, **parts), INVALID_STATUS[route], "invalid_fields")
    assert set(error["fields"]) == wrong


@pytest.mark.parametrize("route", VALID)
@pytest.mark.parametrize("text", ["[]", "{", "1", "null"])
def test_a_part_named_request_must_be_an_object(running: Service, route: str, text: str) -> None:
    assert_error(send_form(running, route, request=text), 400, "not_json")


@pytest.mark.parametrize("route", VALID)
def test_any_bytes_as_a_form_are_music_or_the_client_s_error(running: Service, route: str) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="duration"; filename="x"\r\n\r\n'

    @given(st.binary(max_size=200), st.sampled_from([b"", part, part + b"5\r\n--b--"]))
    def check(body: bytes, start: bytes) -> None:
        response = running.client.post(route, data=start + body, content_type="multipart/form-data; boundary=b")
        assert response.status_code in (400, INVALID_STATUS[route]), response.data
        assert {"error", "code"} <= set(response.get_json())

    check()


@pytest.mark.parametrize("route", VALID)
@pytest.mark.parametrize("name", ["prompt", "tempo", "request"])
def test_what_is_not_an_upload_may_not_be_large_for_being_beside_one(running: Service, route: str, name: str) -> None:
    large = b" " * (SETTINGS.max_body_bytes + 1)
    response = send_form(running, route, continuation=SECOND, **{name: large})
    assert_error(response, 413, "request_entity_too_large")
    response = running.client.post(route, json={"continuation": data_url(SECOND), name: large.decode()})
    assert_error(response, 413, "request_entity_too_large")


@pytest.mark.parametrize("route", VALID)
def test_many_parts_are_413(running: Service, route: str) -> None:
    response = send_form(running, route, **{f"x{number}": "1" for number in range(200)})
    assert_error(response, 413, "request_entity_too_large")


def test_a_compressed_form_is_415(running: Service) -> None:
    response = running.client.post(
        "/api/music",
        data={"description": "piano"},
        headers={"Content-Encoding": "gzip"},
        content_type="multipart/form-data",
    )
    assert_error(response, 415, "unsupported_media_type")


def test_files_over_the_limit_are_413_and_others_pass_whole() -> None:
    with service(max_upload_bytes=200_000) as running:
        for send in (send_form, send_json):
            assert_music(running, send(running, "/generate", continuation=sound_file(music(2)), duration=3))
            large = send(running, "/generate", continuation=sound_file(music(4)), duration=5)
            assert_error(large, 413, "request_entity_too_large")


@pytest.mark.parametrize("route", VALID)
def test_nothing_of_an_upload_is_written_to_disk(running: Service, route: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> NoReturn:
        raise AssertionError("a temporary file was opened")

    monkeypatch.setattr(tempfile, "_sanitize_params", refuse)
    with pytest.raises(AssertionError, match="temporary file"):
        tempfile.TemporaryFile()  # noqa: SIM115
    assert_music(running, send_form(running, route, continuation=LARGE))
