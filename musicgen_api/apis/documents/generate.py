"""`POST /generate`: a prompt in, a file out (the generate document)."""

from __future__ import annotations

from flask import Blueprint, Response

from musicgen_api.apis.connection import Connection
from musicgen_api.apis.documents.schemas import generate_schema, load_request
from musicgen_api.apis.form import read_fields
from musicgen_api.apis.rendering import encoding_of, render
from musicgen_api.apis.services import catalog, follow, gpu_thread, settings
from musicgen_api.domain.errors import Cancelled
from musicgen_api.domain.events import Completed, Failed
from musicgen_api.domain.request import Music, MusicRequest

blueprint = Blueprint("generate", __name__)


@blueprint.post("/generate")
def generate() -> Response:
    """Answer with the finished file. A client that leaves before stops the job."""
    schema = generate_schema(settings())
    request = load_request(schema, read_fields(schema), catalog())
    job = gpu_thread().submit(request)
    for event in follow(job, Connection(), settings().heartbeat_s):
        match event:
            case Completed(music):
                return _file_response(music, request)
            case Failed(error):
                raise error
    raise Cancelled("The client closed the connection.")


def _file_response(music: Music, request: MusicRequest) -> Response:
    encoding = encoding_of(request)
    file = render(music.takes[0], music.sample_rate, request)
    response = Response(file, mimetype=encoding.content_type)
    response.headers.set("Content-Disposition", "attachment", filename=f"music.{encoding.extension}")
    response.headers["X-MusicGen-Model"] = request.model
    response.headers["X-MusicGen-Seed"] = str(request.seed)
    response.headers["Cache-Control"] = "no-store"
    return response
