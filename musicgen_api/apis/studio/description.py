"""The page's routes, and the recipe's, for `/openapi.json`."""

from __future__ import annotations

from apispec import APISpec

from musicgen_api.apis.description import (
    INTEGER,
    NUMBER,
    TEXT,
    Json,
    body_with_files,
    error_response,
    json_response,
    object_of,
    ref,
)
from musicgen_api.apis.rendering import FORMATS
from musicgen_api.apis.studio.convert import CONVERT_SCHEMA
from musicgen_api.apis.studio.recipe import RECIPE_SCHEMA
from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.domain.request import PRECISIONS
from musicgen_api.models.catalog import Purpose
from musicgen_api.settings import Settings

_MODEL: Json = object_of(
    {
        "id": TEXT,
        "title": TEXT,
        "description": TEXT,
        "purpose": {"type": ["string", "null"], "enum": [*Purpose, None]},
        "channels": {"type": ["integer", "null"], "description": "1 mono, 2 stereo, null not known yet."},
        "melody": {"type": ["boolean", "null"], "description": "Whether it can follow one, null not known yet."},
        "sample_rate": {"type": ["integer", "null"], "description": "In Hz; null not known yet."},
        "duration": {"type": ["integer", "null"], "description": "Of each piece, in seconds; null as asked for."},
        "defaults": {"type": "object", "description": "Of a request's fields, where they are the model's own."},
        "bundled": {"type": "boolean"},
        "default": {"type": "boolean"},
        "default_for_sounds": {
            "type": "boolean",
            "description": "What sound effects are made with (MUSICGEN_SOUND_MODEL).",
        },
        "loaded": {"type": "boolean"},
        "engine": {"type": ["string", "null"], "enum": ["engine", "audiocraft", None]},
        "precision": {"type": ["string", "null"], "enum": [*PRECISIONS, None]},
        "form": {"type": ["string", "null"], "description": "Of the compiled step, by its instruction set."},
    }
)

_CODES: Json = object_of(
    {
        "codec": {"type": "string", "description": "Names the codec by the contents of its codebooks."},
        "frame_rate": NUMBER,
        "cardinality": INTEGER,
        "shape": {"type": "array", "items": INTEGER, "minItems": 2, "maxItems": 2, "description": "[K, T]"},
        "data": {
            "type": "string",
            "contentEncoding": "base64",
            "description": "The K * T codes, codebook by codebook. Each has as many bits as cardinality - 1 needs, "
            "lowest bit first, without gaps; zeros fill the last byte.",
        },
        "crc32": {"type": "integer", "description": "Of the bytes of data."},
    }
)
RECIPE: Json = {
    **object_of({"recipe": {"const": 1}, "version": TEXT, "request": {"type": "object"}, "codes": _CODES}),
    "required": ["recipe", "version", "request"],
    "description": "How the piece was made: the request that makes it again, and its codes.",
}


def describe(spec: APISpec, settings: Settings) -> dict[str, Json]:
    """Add the family's schemas to `spec`; its paths."""
    spec.components.schema("Model", _MODEL)
    spec.components.schema("Recipe", RECIPE)
    spec.components.schema("RecipeRequest", schema=RECIPE_SCHEMA)
    spec.components.schema("ConvertRequest", schema=CONVERT_SCHEMA)
    return {
        "/": {"get": _page()},
        "/api/models": {"get": _models()},
        "/api/recipe": {"post": _recipe()},
        "/api/convert": {"post": _convert()},
    }


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


def _recipe() -> Json:
    return {
        "operationId": "readRecipe",
        "summary": "Read from a file how it was made.",
        "requestBody": body_with_files("RecipeRequest", {"file": "data:audio/wav;base64,UklGR..."}),
        "responses": {
            "200": json_response(ref("Recipe"), "The recipe; its `request` is a body for `/api/music`."),
            "400": error_response("The body is not JSON, or no valid form."),
            "413": error_response("The body is too large."),
            "415": error_response("The Content-Type is neither JSON nor a form, or the body is compressed."),
            "422": error_response("The file has no recipe, or a damaged one, or one that this service cannot follow."),
        },
    }
