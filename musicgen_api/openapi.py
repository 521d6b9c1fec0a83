"""The OpenAPI description, made from the same schemas that validate.

apispec turns the marshmallow schemas into JSON Schema; what is written here by hand is what no schema says: statuses,
event shapes, the documents' examples. tests/test_openapi.py holds it against the routes.
"""

from __future__ import annotations

from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from musicgen_api.schemas import generate_schema, music_schema
from musicgen_api.settings import Settings
from musicgen_api.synthesis.catalog import Catalog
from musicgen_api.synthesis.request import Phase
from musicgen_api.version import VERSION

Json = dict[str, Any]


def describe(settings: Settings, catalog: Catalog) -> Json:
    """The whole description, with the limits, defaults and models of this service."""
    plugin = MarshmallowPlugin()
    spec = APISpec(
        title="MusicGen API",
        version=VERSION,
        openapi_version="3.1.0",
        info={"description": "Text to music with MusicGen (AudioCraft). One piece at a time."},
        plugins=[plugin],
    )
    spec.components.schema("GenerateRequest", schema=generate_schema(settings))
    spec.components.schema("MusicRequest", schema=music_schema(settings))
    for name, schema in _SCHEMAS.items():
        spec.components.schema(name, schema)
    for path, operations in _paths().items():
        spec.path(path=path, operations=operations)
    description: Json = spec.to_dict()
    for name in ("GenerateRequest", "MusicRequest"):
        _complete_request(description["components"]["schemas"][name], catalog)
    return description


def _complete_request(schema: Json, catalog: Catalog) -> None:
    """What marshmallow knows and apispec does not say."""
    schema["additionalProperties"] = False
    schema["properties"]["model"]["examples"] = [entry.id for entry in catalog]
    for name in ("prompt", "description"):
        if name in schema["properties"]:
            schema["properties"][name]["minLength"] = 1
    if "temperature" in schema["properties"]:
        schema["properties"]["temperature"]["exclusiveMinimum"] = schema["properties"]["temperature"].pop("minimum")


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: Json, required: list[str] | None = None) -> Json:
    return {"type": "object", "properties": properties, "required": required or list(properties)}


def _constant(value: str) -> Json:
    return {"type": "string", "const": value}


_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "number"}
_INTEGER: Json = {"type": "integer"}

_SCHEMAS: dict[str, Json] = {
    "Error": _object(
        {
            "error": {"type": "string", "description": "What is wrong and what would be right."},
            "code": {"type": "string", "description": "Stable name of the kind of error."},
            "fields": {
                "type": "object",
                "description": "For invalid fields: the reasons for each.",
                "additionalProperties": {"type": "array", "items": _TEXT},
            },
            "id": {"type": "string", "description": "Under which the server's log holds the details."},
        },
        required=["error", "code"],
    ),
    "StartedEvent": _object({"status": _constant("started"), "model": _TEXT, "seed": _INTEGER}),
    "LoadingEvent": _object(
        {"status": _constant("loading"), "model": _TEXT, "bytes_done": _INTEGER, "bytes_total": _INTEGER}
    ),
    "GeneratingEvent": _object(
        {
            "status": _constant("generating"),
            "progress": {"type": "number", "minimum": 0, "maximum": 100},
            "phase": {"type": "string", "enum": [phase.value for phase in Phase]},
            "elapsed_s": _NUMBER,
            "remaining_s": {"type": ["number", "null"]},
        },
        required=["status", "progress"],
    ),
    "CompletedEvent": _object(
        {
            "status": _constant("completed"),
            "audio_data": {"type": "string", "contentEncoding": "base64", "contentMediaType": "audio/wav"},
            "model": _TEXT,
            "seed": _INTEGER,
            "duration": _INTEGER,
            "sample_rate": _INTEGER,
            "channels": _INTEGER,
        }
    ),
    "Model": _object(
        {
            "id": _TEXT,
            "title": _TEXT,
            "description": _TEXT,
            "channels": {"type": ["integer", "null"], "description": "1 mono, 2 stereo, null not known yet."},
            "bundled": {"type": "boolean"},
            "default": {"type": "boolean"},
            "loaded": {"type": "boolean"},
            "engine": {"type": ["string", "null"], "enum": ["engine", "audiocraft", None]},
            "precision": {"type": ["string", "null"], "enum": ["fp32", "bf16", "fp16", "int8", None]},
        }
    ),
}


def _json(schema: Json, description: str, headers: Json | None = None) -> Json:
    response: Json = {"description": description, "content": {"application/json": {"schema": schema}}}
    return response | ({"headers": headers} if headers else {})


def _error(description: str) -> Json:
    return _json(_ref("Error"), description)


_RETRY_AFTER: Json = {"Retry-After": {"schema": _INTEGER, "description": "Seconds until trying again makes sense."}}
_BUSY = _json(_ref("Error"), "Busy: another piece is being generated.", _RETRY_AFTER)


def _status(*values: str) -> Json:
    return _object({"status": {"type": "string", "enum": list(values)}})


def _body(schema: str, example: Json) -> Json:
    return {"required": True, "content": {"application/json": {"schema": _ref(schema), "example": example}}}


def _paths() -> dict[str, Json]:
    generate = {
        "operationId": "generate",
        "summary": "Generate music and answer with the WAV file.",
        "requestBody": _body(
            "GenerateRequest",
            {"model": "facebook/musicgen-medium", "prompt": "orchestral cinematic score", "duration": 30},
        ),
        "responses": {
            "200": {
                "description": "WAV, 32 kHz, 16 bit, mono or stereo as the model is.",
                "headers": {
                    "Content-Disposition": {"schema": _TEXT},
                    "X-MusicGen-Seed": {
                        "schema": _INTEGER,
                        "description": "Send it to get the same music again.",
                    },
                    "X-MusicGen-Model": {"schema": _TEXT},
                },
                "content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}},
            },
            "400": _error("The body is not JSON."),
            "413": _error("The body is too large."),
            "415": _error("The Content-Type is not JSON."),
            "422": _error("Fields are missing, unknown or out of range, or the model is unknown."),
            "500": _error("Loading the model or generating failed; the text says how."),
            "503": _BUSY,
        },
    }
    events = ["StartedEvent", "LoadingEvent", "GeneratingEvent", "CompletedEvent", "Error"]
    create = {
        "operationId": "createMusic",
        "summary": "Generate music and stream the progress and the result as server-sent events.",
        "requestBody": _body("MusicRequest", {"description": "电子音乐，带有强烈的鼓点", "duration": 30}),
        "responses": {
            "200": {
                "description": "Lines `data: ` followed by one JSON object: started, then generating (and loading "
                "while files are downloaded), then exactly one of completed and an error.",
                "content": {
                    "text/event-stream": {
                        "schema": {"type": "string"},
                        "x-event-schema": {"oneOf": [_ref(name) for name in events]},
                    }
                },
            },
            "400": _error("The request is invalid in any way."),
            "413": _error("The body is too large."),
            "500": _error("An internal error."),
            "503": _BUSY,
        },
    }
    return {
        "/": {"get": _page()},
        "/generate": {"post": generate},
        "/api/music": {"post": create},
        "/api/healthcheck": {"get": _health()},
        "/api/models": {"get": _models()},
        "/livez": {"get": _probe("livez", "Does the process live?", "alive", "dead")},
        "/readyz": {"get": _probe("readyz", "Is the start-up load over?", "ready", "not ready")},
        "/openapi.json": {"get": _description()},
    }


def _page() -> Json:
    html: Json = {"description": "HTML.", "content": {"text/html": {"schema": _TEXT}}}
    return {"operationId": "page", "summary": "The page for people.", "responses": {"200": html}}


def _description() -> Json:
    return {
        "operationId": "describe",
        "summary": "This description.",
        "responses": {"200": _json({"type": "object"}, "OpenAPI 3.1.")},
    }


def _health() -> Json:
    return {
        "operationId": "healthcheck",
        "summary": "Would a job be taken now?",
        "responses": {
            "200": _json(_status("healthy"), "A job would be taken."),
            "503": _json(_status("busy"), "A job is running, or the default model is being loaded.", _RETRY_AFTER),
        },
    }


def _models() -> Json:
    models = _object({"models": {"type": "array", "items": _ref("Model")}})
    return {
        "operationId": "listModels",
        "summary": "What may be asked for as model.",
        "responses": {"200": _json(models, "The catalogue.")},
    }


def _probe(name: str, summary: str, good: str, bad: str) -> Json:
    return {
        "operationId": name,
        "summary": summary,
        "responses": {"200": _json(_status(good), "Yes."), "503": _json(_status(bad), "No.", _RETRY_AFTER)},
    }
