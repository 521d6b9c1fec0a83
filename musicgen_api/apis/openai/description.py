"""OpenAI's routes for `/openapi.json`. Their requests are described by the schemas that validate them."""

from __future__ import annotations

from apispec import APISpec

from musicgen_api.apis.description import (
    INTEGER,
    RETRY_AFTER,
    SAMPLES,
    TEXT,
    Json,
    constant,
    error_response,
    json_body,
    json_response,
    object_of,
    ref,
)
from musicgen_api.apis.openai.schemas import generation_schema, music_schema, speech_schema
from musicgen_api.apis.rendering import FORMATS
from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.settings import Settings

_ERROR = object_of(
    {
        "error": object_of(
            {
                "message": TEXT,
                "type": {"type": "string", "enum": ["invalid_request_error", "server_error"]},
                "param": {"type": ["string", "null"], "description": "The field that is wrong."},
                "code": TEXT,
                "id": {"type": "string", "description": "Under which the server's log holds the details."},
            },
            required=["message", "type", "param", "code"],
        )
    }
)
_MODEL = object_of(
    {"id": TEXT, "object": constant("model"), "created": INTEGER, "owned_by": TEXT},
)
_BINARY: Json = {"schema": {"type": "string", "format": "binary"}}
_USAGE = object_of(
    {
        "input_tokens": INTEGER | {"description": "Characters of the description."},
        "output_tokens": INTEGER | {"description": "Codes of the codec."},
        "total_tokens": INTEGER,
    }
)
_EVENTS: dict[str, Json] = {
    "SpeechAudioDelta": object_of(
        {"type": constant("speech.audio.delta"), "audio": {"type": "string", "contentEncoding": "base64"}}
    ),
    "SpeechAudioDone": object_of({"type": constant("speech.audio.done"), "usage": _USAGE}),
    "SpeechError": object_of({"type": constant("error"), "error": _ERROR["properties"]["error"]}),
}


def describe(spec: APISpec, settings: Settings) -> dict[str, Json]:
    """Add the family's schemas to `spec`; its paths."""
    spec.components.schema("OpenAIError", _ERROR)
    spec.components.schema("OpenAIModel", _MODEL)
    for schema in (speech_schema, generation_schema, music_schema):
        spec.components.schema(type(schema(settings)).__name__, schema=schema(settings))
    for name, event in _EVENTS.items():
        spec.components.schema(name, event)
    return {
        "/v1/audio/speech": {"post": _speech()},
        "/v1/audio/generations": {"post": _finished("createAudioGeneration", "AudioGenerationRequest", "lemonade's")},
        "/v1/audio/music": {"post": _finished("createAudioMusic", "AudioMusicRequest", "InfiniteModel's")},
        "/v1/models": {"get": _models()},
        "/v1/models/{model}": {"get": _model()},
    }


def _error(description: str) -> Json:
    return error_response(description, "OpenAIError")


_REFUSALS: Json = {
    "400": _error("The body is not JSON, or fields are missing or out of range."),
    "404": _error("The model is neither one of this service nor a name of OpenAI's."),
    "413": _error("The body is too large."),
    "415": _error("The Content-Type is not JSON, or the body is compressed."),
    "500": _error("Loading the model or generating failed; the text says how."),
    "503": json_response(ref("OpenAIError"), "Busy; clients try again after the named time.", RETRY_AFTER),
}
_SOUND: Json = {Encoding(Format(name)).content_type: _BINARY for name in FORMATS}


def _speech() -> Json:
    events = {"schema": TEXT, "x-event-schema": {"oneOf": [ref(name) for name in _EVENTS]}}
    return {
        "operationId": "createSpeech",
        "summary": "OpenAI's route for speech: the input is the description, and the answer is music while it is made.",
        "description": "voice, instructions and speed are taken and ignored.",
        "requestBody": json_body(
            "SpeechRequest", {"model": "gpt-4o-mini-tts", "input": "calm piano", "voice": "alloy", "duration": 10}
        ),
        "responses": {
            "200": {
                "description": "The bytes of the file in chunks, or events with them. If the work fails after it has "
                "begun, the chunks have no end, or the last event is an error.",
                "headers": SAMPLES,
                "content": _SOUND | {"text/event-stream": events},
            },
            **_REFUSALS,
        },
    }


def _finished(operation: str, schema: str, whose: str) -> Json:
    return {
        "operationId": operation,
        "summary": f"The finished file, for clients of {whose} route.",
        "requestBody": json_body(schema, {"model": "facebook/musicgen-small", "prompt": "calm piano", "duration": 10}),
        "responses": {
            "200": {"description": "The file, WAV by default.", "headers": SAMPLES, "content": _SOUND},
            **_REFUSALS,
        },
    }


def _models() -> Json:
    models = object_of({"object": constant("list"), "data": {"type": "array", "items": ref("OpenAIModel")}})
    return {
        "operationId": "listOpenAIModels",
        "summary": "What may be asked for as model.",
        "responses": {"200": json_response(models, "The catalogue.")},
    }


def _model() -> Json:
    return {
        "operationId": "retrieveOpenAIModel",
        "summary": "One model of the catalogue.",
        "parameters": [{"name": "model", "in": "path", "required": True, "schema": TEXT}],
        "responses": {
            "200": json_response(ref("OpenAIModel"), "The model."),
            "404": _REFUSALS["404"],
        },
    }
