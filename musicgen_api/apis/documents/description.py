"""The two documents' routes for `/openapi.json`. Their requests are described by the schemas that validate them."""

from __future__ import annotations

from apispec import APISpec

from musicgen_api.apis.description import (
    BUSY,
    INTEGER,
    NUMBER,
    RETRY_AFTER,
    TEXT,
    Json,
    body_with_files,
    constant,
    error_response,
    json_response,
    object_of,
    ref,
    status_of,
)
from musicgen_api.apis.documents.schemas import generate_schema, music_schema
from musicgen_api.apis.rendering import FORMATS
from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.domain.request import Phase
from musicgen_api.models.catalog import Catalog
from musicgen_api.settings import Settings

_FILE: Json = {
    "audio_data": {"type": "string", "contentEncoding": "base64", "description": "The file, as `format` says."}
}
_RECIPE = ref("Recipe")

_READ: Json = {
    "description_used": TEXT | {"description": "What the model reads, where the description was translated."},
    "sections_used": {"type": "array", "items": TEXT, "description": "The same, with one text for each section."},
    "warning": TEXT | {"description": "Why the description could not be translated. The job goes on without."},
}

_EVENTS: dict[str, Json] = {
    "StartedEvent": object_of({"status": constant("started"), "model": TEXT, "seed": INTEGER}),
    "LoadingEvent": object_of(
        {"status": constant("loading"), "model": TEXT, "bytes_done": INTEGER, "bytes_total": INTEGER}
    ),
    "QueuedEvent": object_of(
        {
            "status": constant("queued"),
            "position": {"type": "integer", "minimum": 1, "description": "1 comes next."},
            "wait_s": {"type": ["number", "null"], "description": "Estimate; null where it is too early to tell."},
        }
    ),
    "GeneratingEvent": object_of(
        {
            "status": constant("generating"),
            "progress": {"type": "number", "minimum": 0, "maximum": 100},
            "phase": {"type": "string", "enum": [phase.value for phase in Phase]},
            "elapsed_s": NUMBER,
            "remaining_s": {"type": ["number", "null"]},
            **_READ,
        },
        required=["status", "progress"],
    ),
    "CompletedEvent": object_of(
        {
            "status": constant("completed"),
            **_FILE,
            "model": TEXT,
            "seed": INTEGER,
            "duration": INTEGER,
            "sample_rate": INTEGER,
            "channels": INTEGER,
            **_READ,
            "recipe": _RECIPE,
            "takes": {
                "type": "array",
                "description": "Where more than one was asked for: all of them, the first one included.",
                "items": object_of(_FILE | {"seed": INTEGER, "recipe": _RECIPE}, required=["seed", "audio_data"]),
            },
        },
        required=["status", "audio_data", "model", "seed", "duration", "sample_rate", "channels"],
    ),
}


def describe(spec: APISpec, settings: Settings) -> dict[str, Json]:
    """Add the family's schemas to `spec`; its paths."""
    spec.components.schema("GenerateRequest", schema=generate_schema(settings))
    spec.components.schema("MusicRequest", schema=music_schema(settings))
    for name, schema in _EVENTS.items():
        spec.components.schema(name, schema)
    return {
        "/generate": {"post": _generate()},
        "/api/music": {"post": _create_music()},
        "/api/healthcheck": {"get": _healthcheck()},
    }


def complete(schemas: Json, catalog: Catalog) -> None:
    """Say in the finished description what marshmallow knows and apispec does not tell."""
    for name in ("GenerateRequest", "MusicRequest"):
        _complete_request(schemas[name], catalog)


def _complete_request(schema: Json, catalog: Catalog) -> None:
    """What marshmallow knows and apispec does not say."""
    schema["additionalProperties"] = False
    schema["properties"]["model"]["examples"] = [entry.id for entry in catalog]
    if "sections" in schema["properties"]:
        schema["oneOf"] = [{"required": ["description"]}, {"required": ["sections"]}]
    for name in ("prompt", "description"):
        if name in schema["properties"]:
            schema["properties"][name]["minLength"] = 1
    if "temperature" in schema["properties"]:
        schema["properties"]["temperature"]["exclusiveMinimum"] = schema["properties"]["temperature"].pop("minimum")


def _generate() -> Json:
    return {
        "operationId": "generate",
        "summary": "Generate music and answer with the file, WAV by default.",
        "requestBody": body_with_files(
            "GenerateRequest",
            {"model": "facebook/musicgen-medium", "prompt": "orchestral cinematic score", "duration": 30},
        ),
        "responses": {
            "200": {
                "description": "As `format` says; by default WAV, 32 kHz, 16 bit, mono or stereo as the model is.",
                "headers": {
                    "Content-Disposition": {"schema": TEXT},
                    "X-MusicGen-Seed": {
                        "schema": INTEGER,
                        "description": "Send it to get the same music again.",
                    },
                    "X-MusicGen-Model": {"schema": TEXT},
                },
                "content": {
                    Encoding(Format(name)).content_type: {"schema": {"type": "string", "format": "binary"}}
                    for name in FORMATS
                },
            },
            "400": error_response("The body is not JSON."),
            "413": error_response("The body is too large."),
            "415": error_response("The Content-Type is neither JSON nor a form, or the body is compressed."),
            "422": error_response("Fields are missing, unknown or out of range, or the model is unknown."),
            "500": error_response("Loading the model or generating failed; the text says how."),
            "503": BUSY,
        },
    }


def _create_music() -> Json:
    events = ["StartedEvent", "QueuedEvent", "LoadingEvent", "GeneratingEvent", "CompletedEvent", "Error"]
    return {
        "operationId": "createMusic",
        "summary": "Generate music and stream the progress and the result as server-sent events.",
        "requestBody": body_with_files("MusicRequest", {"description": "电子音乐，带有强烈的鼓点", "duration": 30}),
        "responses": {
            "200": {
                "description": "Lines `data: ` followed by one JSON object: started, then generating (and queued "
                "before it where requests wait, and loading while files are downloaded), then exactly one of "
                "completed and an error.",
                "content": {
                    "text/event-stream": {
                        "schema": {"type": "string"},
                        "x-event-schema": {"oneOf": [ref(name) for name in events]},
                    }
                },
            },
            "400": error_response("The request is invalid in any way."),
            "413": error_response("The body is too large."),
            "415": error_response("The body is compressed."),
            "500": error_response("An internal error."),
            "503": BUSY,
        },
    }


def _healthcheck() -> Json:
    return {
        "operationId": "healthcheck",
        "summary": "Would a job be taken now?",
        "responses": {
            "200": json_response(status_of("healthy"), "A job would be taken."),
            "503": json_response(
                status_of("busy"),
                "A job is running and no place to wait is free, or the default model is not there (yet).",
                RETRY_AFTER,
            ),
        },
    }
