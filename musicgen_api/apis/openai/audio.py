"""`POST /v1/audio/speech`, `/v1/audio/generations` and `/v1/audio/music`: a description in, sound out."""

from __future__ import annotations

from flask import Blueprint, Response
from marshmallow import Schema

from musicgen_api.apis.files import LiveFile, finished_file
from musicgen_api.apis.json_body import read_json
from musicgen_api.apis.languages import preferred_language
from musicgen_api.apis.openai.schemas import (
    encoding_of,
    generation_schema,
    load_request,
    music_schema,
    speech_schema,
)
from musicgen_api.apis.openai.speech_events import events
from musicgen_api.apis.services import catalog, settings

blueprint = Blueprint("openai_audio", __name__, url_prefix="/v1/audio")


@blueprint.post("/speech")
def create_speech() -> Response:
    """Answer with the sound while it is made, as bytes or as events."""
    request, how = load_request(speech_schema(settings()), read_json(), catalog())
    encoding, mono = encoding_of(how["response_format"])
    file = LiveFile(request, encoding, mono=mono)
    if how["stream_format"] == "sse":
        return file.response(events(file, preferred_language()), "text/event-stream")
    return file.response(iter(file), encoding.content_type)


@blueprint.post("/generations")
def create_generation() -> Response:
    """Answer with the finished file."""
    return _finished(generation_schema(settings()))


@blueprint.post("/music")
def create_music() -> Response:
    """Answer with the finished file."""
    return _finished(music_schema(settings()))


def _finished(schema: Schema) -> Response:
    request, how = load_request(schema, read_json(), catalog())
    encoding, mono = encoding_of(how["response_format"])
    return finished_file(request, encoding, mono=mono)
