"""A melody over HTTP: for models that can follow one, as sound; refused by name everywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from musicgen_api.domain.errors import InvalidFields, MelodyUnavailable
from tests.helpers.fakes import Service, fail_with, play, service
from tests.helpers.routes import INVALID_STATUS, VALID, assert_error, assert_music
from tests.helpers.server import read_events
from tests.helpers.sounds import music, sound_file
from tests.helpers.uploads import send_form, send_json

FILE = sound_file(music(2, 2))
MELODY = "facebook/musicgen-melody"


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with service(models="ours/tuned=someone/tuned") as running:
        yield running


@pytest.mark.parametrize("send", [send_form, send_json])
@pytest.mark.parametrize("route", VALID)
@pytest.mark.parametrize("model", [MELODY, "facebook/musicgen-melody-large-stereo", "ours/tuned"])
def test_it_reaches_models_that_can_or_may_follow_it(running: Service, route: str, send: Any, model: str) -> None:
    assert_music(running, send(running, route, model=model, melody=FILE, continuation=FILE))
    request = running.synthesizer.requests[-1]
    assert request.melody is not None
    assert request.melody.samples.shape == (2, 64_000)
    assert request.continuation is not None


@pytest.mark.parametrize("route", VALID)
@pytest.mark.parametrize("model", ["bundled/musicgen-tiny", "facebook/musicgen-small"])
def test_other_models_refuse_it_by_name(running: Service, route: str, model: str) -> None:
    response = send_form(running, route, model=model, melody=FILE)
    error = assert_error(response, INVALID_STATUS[route], "invalid_fields")
    assert set(error["fields"]) == {"melody"}
    assert MELODY in error["error"]


@pytest.mark.parametrize("route", VALID)
@pytest.mark.parametrize("file", [b"", b"piano", FILE[:1000]], ids=["empty", "text", "cut off"])
def test_a_bad_file_is_refused_by_name(running: Service, route: str, file: bytes) -> None:
    response = send_form(running, route, model=MELODY, melody=file)
    assert set(assert_error(response, INVALID_STATUS[route], "invalid_fields")["fields"]) == {"melody"}


def test_what_the_model_says_when_it_is_loaded_is_the_client_s_error_too(running: Service) -> None:
    running.synthesizer.act = fail_with(InvalidFields({"melody": ["ours/tuned cannot follow a melody."]}))
    try:
        sent = {"model": "ours/tuned", "melody": FILE}
        error = assert_error(send_form(running, "/generate", **sent), 422, "invalid_fields")
        assert set(error["fields"]) == {"melody"}
        *_, last = read_events(send_form(running, "/api/music", **sent).data.splitlines())
        assert last == error
        running.synthesizer.act = fail_with(MelodyUnavailable("Demucs cannot be had."))
        assert_error(send_form(running, "/generate", **sent), 500, "melody_unavailable")
    finally:
        running.synthesizer.act = play


def test_the_catalogue_says_who_can_follow_one(running: Service) -> None:
    models = {model["id"]: model["melody"] for model in running.client.get("/api/models").get_json()["models"]}
    assert models[MELODY] is True
    assert models["bundled/musicgen-tiny"] is False
    assert models["ours/tuned"] is None
