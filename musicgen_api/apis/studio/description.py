"""The page's routes for `/openapi.json`."""

from __future__ import annotations

from apispec import APISpec

from musicgen_api.apis.description import TEXT, Json, body_with_files, error_response, json_response, object_of, ref
from musicgen_api.apis.rendering import FORMATS
from musicgen_api.apis.studio.convert import ConvertRequest
from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.domain.request import PRECISIONS
from musicgen_api.settings import Settings

_MODEL: Json = object_of(
    {
        "id": TEXT,
        "title": TEXT,
        "description": TEXT,
        "channels": {"type": ["integer", "null"], "description": "1 mono, 2 stereo, null not known yet."},
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
    spec.components.schema("ConvertRequest", schema=ConvertRequest)
    return {"/": {"get": _page()}, "/api/models": {"get": _models()}, "/api/convert": {"post": _convert()}}


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


def _convert() -> Json:
    binary: Json = {"type": "string", "format": "binary"}
    types = {Encoding(Format(name)).content_type: {"schema": binary} for name in FORMATS}
    return {
        "operationId": "convert",
        "summary": "Turn a file into another kind of file. A recipe that it has goes along.",
        "requestBody": body_with_files("ConvertRequest", {"file": "data:audio/wav;base64,UklGRg==", "format": "mp3"}),
        "responses": {
            "200": {
                "description": "The file, as an attachment.",
                "headers": {"Content-Disposition": {"schema": TEXT}},
                "content": types,
            },
            "400": error_response("The body is not valid."),
            "413": error_response("The body is too large."),
            "415": error_response("The Content-Type is neither JSON nor a form, or the body is compressed."),
            "422": error_response("A field is missing or wrong, or the file cannot be read."),
        },
    }
