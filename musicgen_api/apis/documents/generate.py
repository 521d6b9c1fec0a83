"""`POST /generate`: a prompt in, a file out (the generate document)."""

from __future__ import annotations

from flask import Blueprint, Response

from musicgen_api.apis.documents.schemas import generate_schema, load_request
from musicgen_api.apis.files import file_response
from musicgen_api.apis.form import read_fields
from musicgen_api.apis.rendering import encoding_of, render
from musicgen_api.apis.services import catalog, make, settings

blueprint = Blueprint("generate", __name__)


@blueprint.post("/generate")
def generate() -> Response:
    """Answer with the finished file. A client that leaves before stops the job."""
    schema = generate_schema(settings())
    request = load_request(schema, read_fields(schema), catalog())
    music = make(request)
    return file_response(render(music.takes[0], music.sample_rate, request), request, encoding_of(request))
