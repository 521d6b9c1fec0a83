"""`POST /v1/music`, `/v1/music/stream` and `/v1/music/detailed`."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Blueprint, Response, json, request

from musicgen_api.apis.elevenlabs.composition import plan_of
from musicgen_api.apis.elevenlabs.formats import DEFAULT_NAME, encoding_of
from musicgen_api.apis.elevenlabs.schemas import compose_request
from musicgen_api.apis.files import LiveFile, finished_file
from musicgen_api.apis.json_body import read_json
from musicgen_api.apis.services import catalog, settings
from musicgen_api.audio.formats import Encoding
from musicgen_api.domain.errors import InvalidFields
from musicgen_api.domain.request import MusicRequest

blueprint = Blueprint("elevenlabs_music", __name__, url_prefix="/v1/music")


@blueprint.post("")
def compose() -> Response:
    """Answer with the finished file."""
    encoding, mono = wanted_encoding()
    return finished_file(compose_request(settings(), read_json(), catalog()), encoding, mono=mono)


@blueprint.post("/stream")
def stream() -> Response:
    """Answer with the bytes of the file while the music is made."""
    encoding, mono = wanted_encoding()
    file = LiveFile(compose_request(settings(), read_json(), catalog()), encoding, mono=mono)
    return file.response(iter(file), encoding.content_type)


@blueprint.post("/detailed")
def compose_detailed() -> Response:
    """Answer with what was made, as JSON, and the finished file."""
    encoding, mono = wanted_encoding()
    body = read_json()
    piece = compose_request(settings(), body, catalog())
    details = _details(piece, body.get("composition_plan") or plan_of(piece))  # before the work: it may be refused
    response = finished_file(piece, encoding, mono=mono)
    boundary = secrets.token_hex(16)
    response.set_data(_multipart(boundary, details, response.get_data(), encoding))
    response.content_type = f"multipart/mixed; boundary={boundary}"
    del response.headers["Content-Disposition"]
    return response


def wanted_encoding() -> tuple[Encoding, bool]:
    """What the query asks for; see `formats.encoding_of`."""
    return encoding_of(request.args.get("output_format", DEFAULT_NAME))


def _details(piece: MusicRequest, plan: object) -> bytes:
    """What was made, on one line: ElevenLabs' own client reads the part by its lines.

    Raises:
        InvalidFields: the plan has a number that JSON cannot say again.
    """
    metadata: dict[str, Any] = {
        "title": None,
        "description": piece.description,
        "genres": [],
        "languages": [],
        "is_explicit": False,
    }
    try:
        told = json.dumps({"composition_plan": plan, "song_metadata": metadata}, allow_nan=False)
    except ValueError:
        raise InvalidFields({"composition_plan": ["Must have no number that is too large for a float."]}) from None
    return told.encode("ascii")


def _multipart(boundary: str, details: bytes, file: bytes, encoding: Encoding) -> bytes:
    """The body (RFC 2046, section 5.1). The end is of an even length, because ElevenLabs' client takes it for sound."""
    first = f"--{boundary}\r\nContent-Type: application/json\r\n\r\n"
    second = (
        f"\r\n--{boundary}\r\nContent-Type: {encoding.content_type}\r\n"
        f'Content-Disposition: attachment; filename="music.{encoding.extension}"\r\n\r\n'
    )
    return first.encode() + details + second.encode() + file + f"\r\n--{boundary}--\r\n".encode()
