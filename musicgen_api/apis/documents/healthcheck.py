"""`GET /api/healthcheck` (the music document)."""

from __future__ import annotations

from flask import Blueprint, Response

from musicgen_api.apis.services import gpu_thread
from musicgen_api.apis.status import status_response

blueprint = Blueprint("healthcheck", __name__, url_prefix="/api")


@blueprint.get("/healthcheck")
def healthcheck() -> Response:
    """Would a job of the music document be taken now, with a chance to succeed?"""
    if gpu_thread().ready and gpu_thread().takes_work:
        return status_response("healthy", 200)
    return status_response("busy", 503)
