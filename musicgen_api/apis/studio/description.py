"""The page's routes for `/openapi.json`."""

from __future__ import annotations

from apispec import APISpec

from musicgen_api.apis.description import TEXT, Json, json_response, object_of, ref
from musicgen_api.domain.request import PRECISIONS
from musicgen_api.settings import Settings

_MODEL: Json = object_of(
    {
        "id": TEXT,
        "title": TEXT,
        "description": TEXT,
        "channels": {"type": ["integer", "null"], "description": "1 mono, 2 stereo, null not known yet."},
        "languages": {
            "type": "array",
            "items": TEXT,
            "description": "Which it reads, ISO 639-1. A description in another one is translated to English first.",
        },
        "bundled": {"type": "boolean"},
        "default": {"type": "boolean"},
        "loaded": {"type": "boolean"},
        "engine": {"type": ["string", "null"], "enum": ["engine", "audiocraft", None]},
        "precision": {"type": ["string", "null"], "enum": [*PRECISIONS, None]},
        "form": {"type": ["string", "null"], "description": "Of the compiled step, by its instruction set."},
    }
)


def describe(spec: APISpec, settings: Settings) -> dict[str, Json]:
    """Add the family's schemas to `spec`; its paths."""
    spec.components.schema("Model", _MODEL)
    return {"/": {"get": _page()}, "/api/models": {"get": _models()}}


def _page() -> Json:
    html: Json = {"description": "HTML.", "content": {"text/html": {"schema": TEXT}}}
    return {"operationId": "page", "summary": "The page for people.", "responses": {"200": html}}


def _models() -> Json:
    models = object_of({"models": {"type": "array", "items": ref("Model")}})
    return {
        "operationId": "listModels",
        "summary": "What may be asked for as model.",
        "responses": {"200": json_response(models, "The catalogue.")},
    }
