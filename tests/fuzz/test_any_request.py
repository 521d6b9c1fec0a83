"""Requests of any kind on all routes: whatever a client sends, no answer is a 5xx, and errors have their shape."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.helpers.fakes import Service
from tests.helpers.generated import LATIN, counted, examples, form_bodies, json_bodies, some_headers
from tests.helpers.server import wait_until

SHORT = {"duration": 1}
BODIES: dict[str, dict[str, Any]] = {
    "/generate": {"model": "bundled/musicgen-tiny", "prompt": "piano"} | SHORT,
    "/api/music": {"description": "piano"} | SHORT,
    "/api/recipe": {"file": "data:;base64,"},
    "/api/convert": {"file": "data:;base64,", "format": "wav"},
    "/v1/audio/speech": {"input": "piano"} | SHORT,
    "/v1/audio/generations": {"prompt": "piano"} | SHORT,
    "/v1/audio/music": {"prompt": "piano"} | SHORT,
    "/v1/music": {"prompt": "piano", "music_length_ms": 3000},
    "/v1/music/stream": {"prompt": "piano", "music_length_ms": 3000},
    "/v1/music/detailed": {"composition_plan": {"sections": [{"positive_local_styles": ["x"], "duration_ms": 3000}]}},
    "/v1/sound-generation": {"text": "rain", "duration_seconds": 0.5},
}
ERRORS = {"/v1/audio": "OpenAIError", "/v1/models": "OpenAIError", "/v1/music": "ElevenLabsError"} | {
    "/v1/sound-generation": "ElevenLabsError"
}
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "BREW"]


@pytest.fixture(scope="module")
def running(statuses: Counter[int]) -> Iterator[Service]:
    with counted(statuses, cors_origins="http://localhost") as running:
        yield running


@pytest.fixture(scope="module")
def description(running: Service) -> dict[str, Any]:
    body: dict[str, Any] = running.client.get("/openapi.json").get_json()
    return body


def fields_of(description: dict[str, Any], path: str) -> list[str]:
    content = description["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    name = content["schema"]["$ref"].rpartition("/")[2]
    return sorted(description["components"]["schemas"][name]["properties"])


def check(running: Service, description: dict[str, Any], answer: TestResponse, path: str) -> None:
    """What holds for every answer."""
    text = answer.data  # to its end
    answer.close()
    assert answer.status_code < 500, text
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", answer.headers["X-Request-Id"])
    wait_until(lambda: not running.gpu_thread.busy, why="the lock to be free")
    if answer.status_code == 405:
        assert answer.headers["Allow"]
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        clean = "".join(f"/{part}" for part in path.split("/") if part)
        schema = next((name for above, name in ERRORS.items() if f"{clean}/".startswith(f"{above}/")), "Error")
        shape = {"$ref": f"#/components/schemas/{schema}", "components": description["components"]}
        assert answer.mimetype == "application/json"
        jsonschema.Draft202012Validator(shape).validate(answer.get_json())


@pytest.mark.parametrize("path", BODIES)
def test_json_that_is_almost_right(running: Service, description: dict[str, Any], path: str) -> None:
    @examples(share=0.02, in_ci=20)
    @given(json_bodies(BODIES[path], fields_of(description, path)), some_headers())
    def ask(body: bytes, headers: dict[str, str]) -> None:
        answer = running.client.post(path, data=body, headers=headers, content_type="application/json")
        check(running, description, answer, path)

    ask()


@pytest.mark.parametrize("path", ["/generate", "/api/music", "/api/recipe", "/api/convert", "/v1/music"])
def test_forms_that_are_almost_right(running: Service, description: dict[str, Any], path: str) -> None:
    @examples(share=0.025, in_ci=30)
    @given(form_bodies(fields_of(description, path)), some_headers())
    def ask(form: tuple[bytes, str], headers: dict[str, str]) -> None:
        body, kind = form
        check(running, description, running.client.post(path, data=body, headers=headers, content_type=kind), path)

    ask()


def test_any_method_address_and_header(running: Service, description: dict[str, Any]) -> None:
    addresses = st.sampled_from(
        sorted({*description["paths"], "/static/main.js", "/static/", "/v1/models/a%2fb", "/x"})
    )
    queries = st.dictionaries(st.sampled_from(["output_format", "lang", "x"]), LATIN, max_size=2)

    @examples(share=0.1, in_ci=120)
    @given(st.sampled_from(METHODS), addresses, LATIN | st.just(""), queries, some_headers(), st.binary(max_size=200))
    def ask(method: str, address: str, more: str, query: dict[str, str], headers: dict[str, str], body: bytes) -> None:
        path = address + more.replace("?", "").replace("#", "")
        answer = running.client.open(path, method=method, query_string=query, headers=headers, data=body)
        check(running, description, answer, answer.request.path)

    ask()
