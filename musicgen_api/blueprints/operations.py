"""For those who run the service: health (the music document), liveness, readiness, and the API's description."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, jsonify

from musicgen_api.blueprints.jobs import gpu_thread

blueprint = Blueprint("operations", __name__)


@blueprint.get("/api/healthcheck")
def healthcheck() -> Response:
    """Would a job be taken now?"""
    return _status("busy", 503) if gpu_thread().busy else _status("healthy", 200)


@blueprint.get("/livez")
def livez() -> Response:
    """Should this process go on living?"""
    return _status("alive", 200) if gpu_thread().alive else _status("dead", 503)


@blueprint.get("/readyz")
def readyz() -> Response:
    """Is the start-up load over? Busy with a job is ready."""
    return _status("ready", 200) if gpu_thread().ready else _status("not ready", 503)


@blueprint.get("/openapi.json")
def openapi() -> dict[str, Any]:
    """The description of all of this."""
    description: dict[str, Any] = current_app.extensions["musicgen_openapi"]
    return description


def _status(name: str, status: int) -> Response:
    response = jsonify({"status": name})
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    if status == 503:
        response.headers["Retry-After"] = str(gpu_thread().retry_after_s())
    return response
