"""`POST /api/music`: a description in, live progress and the music out, as server-sent events (the music document)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response

from musicgen_api.apis.connection import Connection
from musicgen_api.apis.documents import event_stream as sse
from musicgen_api.apis.documents.schemas import load_request, music_schema
from musicgen_api.apis.error_responses import respond
from musicgen_api.apis.form import read_fields
from musicgen_api.apis.languages import preferred_language, translate_body
from musicgen_api.apis.services import catalog, follow, gpu_thread, settings
from musicgen_api.domain.errors import RequestError
from musicgen_api.domain.events import Completed, Event, Failed
from musicgen_api.domain.request import MusicRequest, Sound
from musicgen_api.jobs.job import Job

blueprint = Blueprint("music", __name__, url_prefix="/api")


@blueprint.post("/music")
def create_music() -> Response:
    """Start a job and stream its events. A client that leaves stops the job."""
    schema = music_schema(settings())
    request = load_request(schema, read_fields(schema), catalog())
    language = preferred_language()
    job = gpu_thread().submit(request)  # from here on, nothing may fail before the job has its reader
    response = Response(_events(job, Connection(), settings().heartbeat_s, language), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-cache, no-transform"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(job.cancel)  # also runs when the generator below was never started
    return response


@blueprint.errorhandler(RequestError)
def _refuse(error: RequestError) -> Response:
    """This document knows one status for whatever is wrong with a request."""
    return respond(error, 400)


def _events(job: Job, connection: Connection, heartbeat_s: float, language: str) -> Iterator[bytes]:
    yield sse.encode(sse.started(job.request))
    place = job.place()
    last = sse.encode(sse.generating(0) if place is None else sse.message(place, job.request))
    yield last
    for event in follow(job, connection, heartbeat_s):
        if isinstance(event, Completed):
            yield sse.encode(sse.generating(100))
        said = last if event is None else sse.encode(_message(event, job.request, language))
        if not isinstance(event, Sound):  # sound is said once: what is repeated in silence is progress
            last = said
        yield said


def _message(event: Event, request: MusicRequest, language: str) -> dict[str, Any]:
    message = sse.message(event, request)
    return translate_body(message, language) if isinstance(event, Failed) else message
