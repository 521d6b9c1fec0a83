"""ElevenLabs' routes for `/openapi.json`. Their requests are described by the schemas that validate them."""

from __future__ import annotations

from apispec import APISpec

from musicgen_api.apis.description import (
    RETRY_AFTER,
    SAMPLES,
    TEXT,
    Json,
    error_response,
    json_body,
    json_response,
    object_of,
    ref,
)
from musicgen_api.apis.elevenlabs.formats import DEFAULT_NAME, ENCODINGS
from musicgen_api.apis.elevenlabs.schemas import compose_schema, sound_schema
from musicgen_api.settings import Settings

_ERROR = object_of(
    {
        "detail": object_of(
            {
                "status": TEXT,
                "message": TEXT,
                "id": {"type": "string", "description": "Under which the server's log holds the details."},
            },
            required=["status", "message"],
        )
    }
)


def describe(spec: APISpec, settings: Settings) -> dict[str, Json]:
    """Add the family's schemas to `spec`; its paths."""
    spec.components.schema("ElevenLabsError", _ERROR)
    spec.components.schema("ComposeRequest", schema=compose_schema(settings))
    spec.components.schema("SoundGenerationRequest", schema=sound_schema(settings))
    sounds = {encoding.content_type: _BINARY for encoding in ENCODINGS.values()}
    details = {"multipart/mixed": _BINARY}
    compose = "ComposeRequest", {"prompt": "calm piano", "music_length_ms": 10_000, "model_id": "music_v1"}
    sound = "SoundGenerationRequest", {"text": "rain on a roof", "duration_seconds": 5}
    return {
        "/v1/music": {"post": _operation("compose", "The finished file.", *compose, sounds)},
        "/v1/music/stream": {"post": _operation("streamMusic", "The file while it is made.", *compose, sounds)},
        "/v1/music/detailed": {
            "post": _operation("composeDetailed", "What was made in JSON, then the finished file.", *compose, details)
        },
        "/v1/sound-generation": {"post": _operation("generateSound", "A short sound.", *sound, sounds)},
    }


_BINARY: Json = {"schema": {"type": "string", "format": "binary"}}


def _error(description: str) -> Json:
    return error_response(description, "ElevenLabsError")


_REFUSALS: Json = {
    "400": _error("The body is not JSON."),
    "413": _error("The body is too large."),
    "415": _error("The Content-Type is not JSON, or the body is compressed."),
    "422": _error("Fields are missing or out of range, the model is unknown, or there are lyrics."),
    "500": _error("Loading the model or generating failed; the text says how."),
    "503": json_response(ref("ElevenLabsError"), "Busy; clients try again after the named time.", RETRY_AFTER),
}
_OUTPUT_FORMAT: Json = {
    "name": "output_format",
    "in": "query",
    "schema": {"type": "string", "enum": list(ENCODINGS), "default": DEFAULT_NAME},
    "description": "Codec, sample rate in Hz and kbit/s.",
}


def _operation(name: str, summary: str, schema: str, example: Json, content: Json) -> Json:
    return {
        "operationId": name,
        "summary": summary,
        "parameters": [_OUTPUT_FORMAT],
        "requestBody": json_body(schema, example),
        "responses": {"200": {"description": "The sound.", "headers": SAMPLES, "content": content}, **_REFUSALS},
    }
