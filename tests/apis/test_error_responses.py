"""Every failure has one shape, from one builder, whatever the status and the route."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from musicgen_api.domain.errors import (
    Busy,
    DeviceLost,
    GenerationFailed,
    HubBusy,
    ModelDamaged,
    ModelOffline,
    MusicGenError,
    OutOfMemory,
    ShuttingDown,
)
from tests.helpers.fakes import ROOT, Pause, Service, a_request, fail_with, service
from tests.helpers.server import read_events, wait_until

JSON = "application/json"
PIANO = {"/generate": {"model": "facebook/musicgen-small", "prompt": "piano"}, "/api/music": {"description": "piano"}}


@pytest.fixture
def running() -> Iterator[Service]:
    with service() as running:
        yield running


def generate(running: Service) -> TestResponse:
    return running.client.post("/generate", json=PIANO["/generate"])


def while_busy(running: Service) -> TestResponse:
    """Ask while another job is at work."""
    pause = running.synthesizer.act = Pause()
    job = running.gpu_thread.submit(a_request())
    response = generate(running)
    pause.proceed.set()
    wait_until(lambda: job.finished)
    return response


def after_a_failure(error: Exception) -> Callable[[Service], TestResponse]:
    def ask(running: Service) -> TestResponse:
        running.synthesizer.act = fail_with(error)
        return generate(running)

    return ask


def after_stop(running: Service) -> TestResponse:
    running.gpu_thread.stop()
    return generate(running)


def with_a_defect(running: Service) -> TestResponse:
    """Ask a route that has a defect of its own."""

    def broken() -> None:
        raise RuntimeError("a secret of /srv")

    running.client.application.view_functions["models.list_models"] = broken
    return running.client.get("/api/models")


FAILURES: dict[str, tuple[int, str, Callable[[Service], TestResponse]]] = {
    "no such page": (404, "not_found", lambda running: running.client.get("/nowhere")),
    "no such static file": (404, "not_found", lambda running: running.client.get("/static/nothing.js")),
    "wrong method": (405, "method_not_allowed", lambda running: running.client.get("/generate")),
    "not JSON": (400, "not_json", lambda running: running.client.post("/generate", data="{", content_type=JSON)),
    "too large": (
        413,
        "request_entity_too_large",
        lambda running: running.client.post("/generate", data=b"x" * 70_000),
    ),
    "not said to be JSON": (415, "unsupported_media_type", lambda running: running.client.post("/generate", data="{}")),
    "invalid": (422, "invalid_fields", lambda running: running.client.post("/generate", json={})),
    "busy": (503, "busy", while_busy),
    "shutting down": (503, "shutting_down", after_stop),
    "hub busy": (503, "hub_busy", after_a_failure(HubBusy("The hub limits how often it is asked.", 120))),
    "offline": (500, "model_offline", after_a_failure(ModelOffline("No network."))),
    "damaged": (500, "model_damaged", after_a_failure(ModelDamaged("It is damaged."))),
    "no memory": (500, "out_of_memory", after_a_failure(OutOfMemory("Too much."))),
    "no device": (500, "device_lost", after_a_failure(DeviceLost("Gone."))),
    "no audio": (500, "generation_failed", after_a_failure(GenerationFailed("NaN."))),
    "defect while generating": (500, "generation_failed", after_a_failure(RuntimeError("a secret of /srv"))),
    "defect of a route": (500, "internal_error", with_a_defect),
}


@pytest.mark.parametrize(("status", "code", "ask"), FAILURES.values(), ids=FAILURES)
def test_every_failure_is_one_json_object_with_a_sentence_and_a_code(
    running: Service, status: int, code: str, ask: Callable[[Service], TestResponse]
) -> None:
    response = ask(running)
    assert (response.status_code, response.mimetype) == (status, JSON)
    body = response.get_json()
    assert body["code"] == code
    assert body["error"].endswith(".")
    assert set(body) <= {"error", "code", "fields", "id"}
    assert ("Retry-After" in response.headers) == (status == 503)


@pytest.mark.parametrize(("status", "code", "ask"), FAILURES.values(), ids=FAILURES)
def test_no_failure_shows_a_trace_or_a_path_of_the_server(
    running: Service, status: int, code: str, ask: Callable[[Service], TestResponse]
) -> None:
    text = ask(running).text
    for secret in ["Traceback", 'File "', ".py", "/srv", "secret", str(ROOT)]:
        assert secret not in text


@pytest.mark.parametrize("name", ["busy", "hub busy", "shutting down"])
def test_a_503_says_after_how_many_whole_seconds_to_try_again(running: Service, name: str) -> None:
    response = FAILURES[name][2](running)
    assert response.headers["Retry-After"].isdecimal()
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/generate", "GET", {"POST", "OPTIONS"}),
        ("/api/music", "PUT", {"POST", "OPTIONS"}),
        ("/api/healthcheck", "POST", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_405_still_says_which_methods_are_allowed(
    running: Service, path: str, method: str, allowed: set[str]
) -> None:
    response = running.client.open(path, method=method)
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize(("path", "method"), [("/api//models", "GET"), ("/api//music", "POST")])
def test_a_redirect_of_the_framework_has_the_shape_and_its_address(running: Service, path: str, method: str) -> None:
    response = running.client.open(path, method=method, json={})
    assert (response.status_code, response.mimetype) == (308, JSON)
    assert response.get_json()["code"] == "redirect"
    assert response.headers["Location"].endswith(path.replace("//", "/"))


@pytest.mark.parametrize("name", ["defect while generating", "defect of a route"])
def test_the_log_holds_the_trace_of_a_defect_under_the_id_of_the_answer(
    running: Service, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = FAILURES[name][2](running).get_json()
    (record,) = [record for record in caplog.records if body["id"] in record.message]
    assert record.levelno == logging.ERROR
    assert "a secret of /srv" in caplog.text
    assert "Traceback" in caplog.text


def chained() -> ModelDamaged:
    error = ModelDamaged("It is damaged.")
    error.__cause__ = OSError(5, "input/output error", "/srv/models")
    return error


def test_the_log_holds_the_cause_of_an_error_of_ours_as_well(
    running: Service, caplog: pytest.LogCaptureFixture
) -> None:
    body = after_a_failure(chained())(running).get_json()
    assert body["error"] == "It is damaged."
    assert f"[{body['id']}] It is damaged." in caplog.text
    assert "/srv/models" in caplog.text


@pytest.mark.parametrize(
    "error", [ModelOffline("No network."), OutOfMemory("Too much."), ShuttingDown(), RuntimeError("a secret of /srv")]
)
def test_a_job_that_fails_after_the_stream_began_ends_it_with_the_same_shape(
    running: Service, error: Exception
) -> None:
    running.synthesizer.act = fail_with(error)
    response = running.client.post("/api/music", json=PIANO["/api/music"])
    assert response.status_code == 200
    *_, last = read_events(response.data.splitlines())
    assert {"error", "code"} <= set(last) <= {"error", "code", "id"}
    assert last["code"] == getattr(error, "code", "generation_failed")
    assert "secret" not in response.text


@pytest.mark.parametrize("error", [Busy(3), ShuttingDown()])
@pytest.mark.parametrize("path", PIANO)
def test_both_routes_refuse_while_unavailable_before_anything_is_streamed(
    running: Service, path: str, error: MusicGenError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(request: object) -> None:
        raise error

    monkeypatch.setattr(running.gpu_thread, "submit", refuse)
    response = running.client.post(path, json=PIANO[path])
    assert (response.status_code, response.get_json()["code"]) == (503, error.code)
    assert response.mimetype == JSON


def http_exceptions() -> list[type[HTTPException]]:
    return [kind for kind in HTTPException.__subclasses__() if kind.code is not None and kind.code >= 400]


@pytest.mark.parametrize("kind", http_exceptions(), ids=lambda kind: kind.__name__)
def test_each_error_that_the_framework_knows_gets_the_shape_too(running: Service, kind: type[HTTPException]) -> None:
    def refuse() -> Any:
        raise kind()

    running.client.application.view_functions["models.list_models"] = refuse
    response = running.client.get("/api/models")
    assert response.status_code == kind.code
    assert set(json.loads(response.text)) == {"error", "code"}
