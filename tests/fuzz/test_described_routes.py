"""Requests that schemathesis makes from our own /openapi.json: the answers are those that it describes."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import given
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.helpers.fakes import Service
from tests.helpers.generated import FILE_URLS, counted, examples
from tests.helpers.server import wait_until

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
]


@pytest.fixture(scope="module")
def running(statuses: Counter[int]) -> Iterator[Service]:
    with counted(statuses) as running:
        yield running


def narrowed(description: dict[str, Any]) -> dict[str, Any]:
    """The description with less to guess: whoever guesses names of models and files at random never gets any music."""
    narrow = copy.deepcopy(description)
    for schema in narrow["components"]["schemas"].values():
        schema.pop("oneOf", None)  # hypothesis-jsonschema finds nothing that fits the request of /api/music then
        for name, field in schema.get("properties", {}).items():
            if name == "model" and "examples" in field:
                field["enum"] = field["examples"]
            if field.get("format") == "binary":
                field |= {"enum": FILE_URLS, "format": "uri"}
    return narrow


@pytest.fixture(scope="module")
def description(running: Service) -> dict[str, Any]:
    body: dict[str, Any] = running.client.get("/openapi.json").get_json()
    return body


@pytest.fixture(scope="module")
def operations(running: Service, description: dict[str, Any]) -> dict[str, Any]:
    schema = schemathesis.openapi.from_dict(narrowed(description))
    schema.app = running.client.application
    return {found.ok().label: found.ok() for found in schema.get_all_operations()}


LABELS = [
    *("GET /", "POST /generate", "POST /api/music", "GET /api/healthcheck", "GET /api/models", "POST /api/recipe"),
    *("POST /api/convert", "POST /v1/audio/speech", "POST /v1/audio/generations", "POST /v1/audio/music"),
    *("GET /v1/models", "GET /v1/models/{model}", "POST /v1/music", "POST /v1/music/stream"),
    *("POST /v1/music/detailed", "POST /v1/sound-generation", "GET /livez", "GET /readyz", "GET /openapi.json"),
    "GET /metrics",
]


def _has(label: str, mode: GenerationMode) -> bool:
    """Whether such requests exist: nothing can be wrong where nothing is read."""
    return mode is GenerationMode.POSITIVE or label.startswith("POST")


def test_all_operations_are_here(operations: dict[str, Any]) -> None:
    assert set(operations) == set(LABELS)


@pytest.mark.parametrize(
    ("label", "mode"), [(label, mode) for label in LABELS for mode in GenerationMode if _has(label, mode)]
)
def test_every_answer_is_one_that_is_described(
    running: Service, description: dict[str, Any], operations: dict[str, Any], label: str, mode: GenerationMode
) -> None:
    cheap = label.startswith("GET")

    @examples(share=0.002 if cheap else 0.022, in_ci=3 if cheap else 12)
    @given(operations[label].as_strategy(mode))
    def check(case: Case) -> None:
        answer = case.call(headers={"Host": "localhost"})
        assert answer.status_code < 500, answer.text
        streams = answer.headers["content-type"][0].startswith("text/event-stream")
        case.validate_response(answer, checks=CHECKS if streams else [*CHECKS, response_schema_conformance])
        if streams:
            check_events(description, case, answer.text)
        wait_until(lambda: not running.gpu_thread.busy, why="the lock to be free")

    check()


def check_events(description: dict[str, Any], case: Case, text: str) -> None:
    """OpenAPI 3.1 has no word for the events of a stream; schemathesis goes by that of 3.2."""
    content = description["paths"][case.path]["post"]["responses"]["200"]["content"]["text/event-stream"]
    events = jsonschema.Draft202012Validator(
        content["x-event-schema"] | {"components": description["components"]},
    )
    for event in text.split("\n\n")[:-1]:
        events.validate(json.loads(event.removeprefix("data: ")))
