"""The operators' routes for `/openapi.json`."""

from __future__ import annotations

from apispec import APISpec

from musicgen_api.apis.description import RETRY_AFTER, TEXT, Json, json_response, ref, status_of
from musicgen_api.settings import Settings


def describe(spec: APISpec, settings: Settings) -> dict[str, Json]:
    """The family's paths; it has no schemas of its own."""
    return {
        "/livez": {"get": _probe("livez", "Does the process live?", "alive", "dead")},
        "/readyz": {"get": _probe("readyz", "Can music be made with the default model?", "ready", "not ready")},
        "/openapi.json": {"get": _description()},
        "/metrics": {"get": _metrics()},
    }


def _description() -> Json:
    return {
        "operationId": "describe",
        "summary": "This description.",
        "responses": {"200": json_response({"type": "object"}, "OpenAPI 3.1.")},
    }


def _metrics() -> Json:
    types = {name: {"schema": TEXT} for name in ("text/plain", "application/openmetrics-text")}
    text: Json = {"description": "For Prometheus, in the format that Accept asks for.", "content": types}
    return {"operationId": "metrics", "summary": "What is counted and measured.", "responses": {"200": text}}


def _probe(name: str, summary: str, good: str, bad: str) -> Json:
    no = {"allOf": [status_of(bad), ref("Error")]}
    return {
        "operationId": name,
        "summary": summary,
        "responses": {
            "200": json_response(status_of(good), "Yes."),
            "503": json_response(no, "No, and why.", RETRY_AFTER),
        },
    }
