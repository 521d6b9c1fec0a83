"""The description at /openapi.json is valid and says what the routes do."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate
from werkzeug.test import TestResponse

from musicgen_api.apis.rendering import render
from musicgen_api.domain.errors import DeviceLost, OutOfMemory
from musicgen_api.domain.request import Monitor, Music, MusicRequest, Phase
from tests.helpers.fakes import MUSIC, ROOT, Pause, Service, a_request, fail_with, play, service
from tests.helpers.server import read_events, wait_until
from tests.helpers.sounds import music, sound_file
from tests.helpers.uploads import data_url

GENERATE = {"model": "facebook/musicgen-small", "prompt": "piano", "duration": 1}
CREATE = {"description": "piano", "duration": 1}
OURS = render(MUSIC.takes[0], MUSIC.sample_rate, a_request(duration=1))
CONVERT = {"file": data_url(sound_file(music(1))), "format": "flac"}
DOCUMENTS = ROOT / "tests" / "documents"


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with service() as running:
        yield running


@pytest.fixture(scope="module")
def description(running: Service) -> dict[str, Any]:
    response = running.client.get("/openapi.json")
    assert response.mimetype == "application/json"
    body: dict[str, Any] = response.get_json()
    return body


def validator(description: dict[str, Any], schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    """For a schema of the description, whose references are resolved in it."""
    return jsonschema.Draft202012Validator(schema | {"components": description["components"]})


def request_validator(description: dict[str, Any], path: str) -> jsonschema.Draft202012Validator:
    body = description["paths"][path]["post"]["requestBody"]
    return validator(description, body["content"]["application/json"]["schema"])


def test_it_is_valid_openapi(description: dict[str, Any]) -> None:
    validate(description)


def test_it_describes_every_route_and_no_other(running: Service, description: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in running.client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint != "static"
    }
    described = {(path, method) for path, operations in description["paths"].items() for method in operations}
    assert described == routes


def busy(ask: Callable[[Service], TestResponse]) -> Callable[[Service], TestResponse]:
    def ask_while_busy(running: Service) -> TestResponse:
        pause = running.synthesizer.act = Pause()
        job = running.gpu_thread.submit(a_request())
        response = ask(running)
        pause.proceed.set()
        wait_until(lambda: job.finished)
        running.synthesizer.act = play
        return response

    return ask_while_busy


def get(path: str) -> Callable[[Service], TestResponse]:
    return lambda running: running.client.get(path)


def post(path: str, body: object, content_type: str = "application/json") -> Callable[[Service], TestResponse]:
    data = body if isinstance(body, str) else json.dumps(body)
    return lambda running: running.client.post(path, data=data, content_type=content_type)


def compressed(path: str) -> Callable[[Service], TestResponse]:
    headers = {"Content-Encoding": "br"}
    return lambda running: running.client.post(path, data=b"\x8b\x00\x80{}\x03", headers=headers)


def failing(ask: Callable[[Service], TestResponse]) -> Callable[[Service], TestResponse]:
    def ask_in_vain(running: Service) -> TestResponse:
        running.synthesizer.act = fail_with(OutOfMemory("Too much."))
        response = ask(running)
        running.synthesizer.act = play
        return response

    return ask_in_vain


def after_the_end(path: str) -> Callable[[Service], TestResponse]:
    """Ask a service whose thread has ended."""

    def ask(running: Service) -> TestResponse:
        with service() as ended:
            ended.gpu_thread.stop()
            return ended.client.get(path)

    return ask


def after_the_device_is_lost(running: Service) -> TestResponse:
    with service(fail_with(DeviceLost("Gone."))) as lost:
        lost.gpu_thread.submit(a_request())
        wait_until(lambda: not lost.gpu_thread.alive)
        return lost.client.post("/api/music", json=CREATE)


def misdirected(path: str, method: str) -> Callable[[Service], TestResponse]:
    return lambda running: running.client.open(path, method=method, headers={"Host": "rebound.example"})


def from_another_site(path: str) -> Callable[[Service], TestResponse]:
    return lambda running: running.client.post(path, headers={"Origin": "https://elsewhere.example"})


PROVOKED: dict[tuple[str, str], dict[int, Callable[[Service], TestResponse]]] = {
    ("/", "get"): {200: get("/")},
    ("/generate", "post"): {
        200: post("/generate", GENERATE),
        400: post("/generate", "{"),
        413: post("/generate", "x" * 70_000),
        415: post("/generate", GENERATE, "text/plain"),
        422: post("/generate", GENERATE | {"duration": 0}),
        500: failing(post("/generate", GENERATE)),
        503: busy(post("/generate", GENERATE)),
    },
    ("/api/recipe", "post"): {
        200: post("/api/recipe", {"file": data_url(OURS)}),
        400: post("/api/recipe", "{"),
        413: post("/api/recipe", "x" * 70_000),
        415: post("/api/recipe", {}, "text/plain"),
        422: post("/api/recipe", {"file": data_url(b"x")}),
    },
    ("/api/music", "post"): {
        200: post("/api/music", CREATE),
        400: post("/api/music", CREATE | {"duration": 0}),
        413: post("/api/music", "x" * 70_000),
        415: compressed("/api/music"),
        500: after_the_device_is_lost,
        503: busy(post("/api/music", CREATE)),
    },
    ("/api/healthcheck", "get"): {200: get("/api/healthcheck"), 503: busy(get("/api/healthcheck"))},
    ("/api/convert", "post"): {
        200: post("/api/convert", CONVERT),
        400: post("/api/convert", "{"),
        413: post("/api/convert", "x" * 70_000),
        415: compressed("/api/convert"),
        422: post("/api/convert", CONVERT | {"format": "tape"}),
    },
    ("/api/models", "get"): {200: get("/api/models")},
    ("/v1/models", "get"): {200: get("/v1/models")},
    ("/v1/models/{model}", "get"): {
        200: get("/v1/models/bundled/musicgen-tiny"),
        404: get("/v1/models/nobody/knows"),
    },
    ("/livez", "get"): {200: get("/livez"), 503: after_the_end("/livez")},
    ("/readyz", "get"): {200: get("/readyz"), 503: after_the_end("/readyz")},
    ("/metrics", "get"): {200: get("/metrics")},
    ("/openapi.json", "get"): {200: get("/openapi.json")},
}
# Bare samples need all the headers that are described.
BARE = {"duration": 1, "response_format": "pcm"}
for path, body in {
    "/v1/audio/speech": BARE | {"input": "piano"},
    "/v1/audio/generations": BARE | {"prompt": "piano"},
    "/v1/audio/music": BARE | {"prompt": "piano"},
}.items():
    PROVOKED[path, "post"] = {
        200: post(path, body),
        400: post(path, body | {"duration": 0}),
        404: post(path, body | {"model": "nobody/knows"}),
        413: post(path, "x" * 70_000),
        415: post(path, body, "text/plain"),
        500: failing(post(path, body)),
        503: busy(post(path, body)),
    }
for path, body in {
    "/v1/music": {"prompt": "piano", "music_length_ms": 3000},
    "/v1/music/stream": {"prompt": "piano", "music_length_ms": 3000},
    "/v1/music/detailed": {"prompt": "piano", "music_length_ms": 3000},
    "/v1/sound-generation": {"text": "rain"},
}.items():
    PROVOKED[path, "post"] = {
        200: post(f"{path}?output_format=pcm_16000", body),
        400: post(path, "{"),
        413: post(path, "x" * 70_000),
        415: post(path, body, "text/plain"),
        422: post(path, body | {"model_id": "nobody/knows"}),
        500: failing(post(path, body)),
        503: busy(post(path, body)),
    }
for (path, method), answers in PROVOKED.items():
    answers[421] = misdirected(path, method)
    if method == "post":
        answers[403] = from_another_site(path)


MANY_TYPES = {
    path for path, _ in PROVOKED if path in ("/generate", "/api/convert", "/metrics") or path.startswith("/v1/")
}
"""Routes whose answers have several formats."""


def test_it_names_exactly_the_statuses_that_can_be_provoked(description: dict[str, Any]) -> None:
    described = {
        (path, method): {int(status) for status in operation["responses"]}
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
    }
    assert described == {route: set(answers) for route, answers in PROVOKED.items()}


@pytest.mark.parametrize(
    ("path", "method", "status"), [(*route, status) for route, answers in PROVOKED.items() for status in answers]
)
def test_each_answer_has_the_described_type_headers_and_shape(
    running: Service, description: dict[str, Any], path: str, method: str, status: int
) -> None:
    answer = PROVOKED[path, method][status](running)
    described = description["paths"][path][method]["responses"][str(status)]
    assert answer.status_code == status
    mimetype = answer.mimetype
    content = described["content"][mimetype]
    assert len(described["content"]) == 1 or (path in MANY_TYPES and status == 200)  # see documents/test_files.py
    assert set(described.get("headers", {})) <= set(answer.headers.keys())
    assert answer.data
    if mimetype == "application/json":
        validator(description, content["schema"]).validate(answer.get_json())


def event_validator(description: dict[str, Any]) -> jsonschema.Draft202012Validator:
    answer = description["paths"]["/api/music"]["post"]["responses"]["200"]
    return validator(description, answer["content"]["text/event-stream"]["x-event-schema"])


def test_every_event_of_a_long_job_fits_exactly_one_event_schema(description: dict[str, Any]) -> None:
    seen = threading.Semaphore(0)

    def act(request: MusicRequest, monitor: Monitor) -> Music:
        for tell in (
            lambda: monitor.download(request.model, 0, 0),
            lambda: monitor.download(request.model, 10, 100),
            lambda: monitor.progress(5, Phase.LOADING),
            lambda: monitor.progress(50.55, Phase.GENERATING),
            lambda: monitor.progress(99.9, Phase.DECODING),
        ):
            tell()
            assert seen.acquire(timeout=10)
        return MUSIC

    events: list[dict[str, Any]] = []
    with service(act, heartbeat_s=0.05) as running:
        response = running.client.post("/api/music", json=CREATE)
        for event in read_events(line for chunk in response.response for line in chunk.splitlines()):
            event_validator(description).validate(event)
            if event not in events and (event["status"] == "loading" or "phase" in event):
                seen.release()
            events.append(event)
    assert {event["status"] for event in events} == {"started", "loading", "generating", "completed"}
    assert {event["phase"] for event in events if "phase" in event} == {"loading", "generating", "decoding"}


@pytest.mark.parametrize("error", [OutOfMemory("Too much."), RuntimeError()])
def test_every_event_of_a_failing_job_fits_too(description: dict[str, Any], error: Exception) -> None:
    with service(fail_with(error)) as running:
        events = list(read_events(running.client.post("/api/music", json=CREATE).data.splitlines()))
    assert "error" in events[-1]
    for event in events:
        event_validator(description).validate(event)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/generate", {"model": "facebook/musicgen-medium", "prompt": "orchestral cinematic score", "duration": 60}),
        ("/generate", {"model": "facebook/musicgen-small-stereo", "prompt": "x"}),
        ("/api/music", {"description": "电子音乐，带有强烈的鼓点", "duration": 30}),
    ],
)
def test_the_documents_requests_are_valid(description: dict[str, Any], path: str, body: dict[str, Any]) -> None:
    request_validator(description, path).validate(body)


def test_the_examples_are_valid_and_stand_in_the_documents(description: dict[str, Any]) -> None:
    documents = "".join(path.read_text() for path in DOCUMENTS.glob("*.md"))
    for path in ("/generate", "/api/music"):
        example = description["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
        request_validator(description, path).validate(example)
        text = example.get("prompt") or example["description"]
        assert f'"{text}' in documents


@pytest.mark.parametrize("schema", ["GenerateRequest", "MusicRequest"])
def test_the_defaults_are_valid_themselves(schema: str) -> None:
    with service(max_duration_s=5) as running:
        properties = running.client.get("/openapi.json").get_json()["components"]["schemas"][schema]["properties"]
    for field in properties.values():
        if "default" in field:
            jsonschema.Draft202012Validator(field).validate(field["default"])


def test_the_limits_are_the_configured_ones() -> None:
    with service(max_duration_s=5, max_prompt_chars=10, default_model="facebook/musicgen-small") as running:
        properties = running.client.get("/openapi.json").get_json()["components"]["schemas"]["MusicRequest"][
            "properties"
        ]
    assert properties["duration"]["maximum"] == 5
    assert properties["description"]["maxLength"] == 10
    assert properties["model"]["default"] == "facebook/musicgen-small"


NUMERIC = ["duration", "seed", "top_k", "top_p", "temperature", "cfg_coef"]
VALUES = st.sampled_from([None, True, False, "", "1", [], {}, 0, 1, 0.5, 1.0, 30, 100, 100.5, 301]) | st.floats(
    allow_nan=False, allow_infinity=False
)


@pytest.mark.parametrize("field", [*NUMERIC, "mbd", "loudness", "recipe"])
def test_the_service_takes_exactly_the_values_that_the_description_allows(
    running: Service, description: dict[str, Any], field: str
) -> None:
    properties = description["components"]["schemas"]["MusicRequest"]["properties"]
    limits = [properties[field].get(key) for key in ("minimum", "exclusiveMinimum", "maximum")]
    around = [limit + step for limit in limits if limit is not None for step in (-1, 0, 1)]
    described = request_validator(description, "/api/music")

    @given(VALUES | st.sampled_from(around or [0]) | st.integers(-(2**60), 2**60))
    def check(value: object) -> None:
        body = CREATE | {field: value}
        response = running.client.post("/api/music", json=body)
        assert response.data
        assert (response.status_code == 200) == described.is_valid(body), body

    check()
