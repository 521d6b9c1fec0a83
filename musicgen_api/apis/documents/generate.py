"""`POST /generate`: a prompt in, a WAV file out (the generate document)."""

from __future__ import annotations

from flask import Blueprint, Response

from musicgen_api.apis.connection import Connection
from musicgen_api.apis.documents.schemas import generate_schema, load_request
from musicgen_api.apis.json_body import read_json
from musicgen_api.apis.services import catalog, follow, gpu_thread, settings
from musicgen_api.audio.wav import encode_wav
from musicgen_api.domain.errors import Cancelled
from musicgen_api.domain.events import Completed, Failed
from musicgen_api.domain.request import Music, MusicRequest

blueprint = Blueprint("generate", __name__)


@blueprint.post("/generate")
def generate() -> Response:
    """Answer with the finished file. A client that leaves before stops the job."""
    request = load_request(generate_schema(settings()), read_json(), catalog())
    job = gpu_thread().submit(request)
    for event in follow(job, Connection(), settings().heartbeat_s):
        match event:
            case Completed(music):
                return _wav_response(music, request)
            case Failed(error):
                raise error
    raise Cancelled("The client closed the connection.")


def _wav_response(music: Music, request: MusicRequest) -> Response:
    wav = encode_wav(music.takes[0].waveform, music.sample_rate, request.duration)
    response = Response(wav, mimetype="audio/wav")
    response.headers.set("Content-Disposition", "attachment", filename="music.wav")
    response.headers["X-MusicGen-Model"] = request.model
    response.headers["X-MusicGen-Seed"] = str(request.seed)
    response.headers["Cache-Control"] = "no-store"
    return response
