"""`POST /v1/sound-generation`: a short sound."""

from __future__ import annotations

from flask import Blueprint, Response

from musicgen_api.apis.elevenlabs.music import wanted_encoding
from musicgen_api.apis.elevenlabs.schemas import sound_request
from musicgen_api.apis.files import finished_file
from musicgen_api.apis.json_body import read_json
from musicgen_api.apis.services import catalog, settings

blueprint = Blueprint("elevenlabs_sound", __name__, url_prefix="/v1/sound-generation")


@blueprint.post("")
def generate_sound() -> Response:
    """Answer with the finished file."""
    encoding, mono = wanted_encoding()
    return finished_file(sound_request(settings(), read_json(), catalog()), encoding, mono=mono)
