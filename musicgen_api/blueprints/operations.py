"""For those who run the service: health (the music document), liveness, readiness, and the API's description."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app

from musicgen_api.blueprints.jobs import gpu_thread

blueprint = Blueprint("operations", __name__)


@blueprint.get("/api/healthcheck")
def healthcheck() -> tuple[dict[str, str], int]:
    """Would a job be taken now?"""
    return ({"status": "busy"}, 503) if gpu_thread().busy else ({"status": "healthy"}, 200)


@blueprint.get("/livez")
def livez() -> tuple[dict[str, str], int]:
    """Should this process go on living?"""
    return ({"status": "alive"}, 200) if gpu_thread().alive else ({"status": "dead"}, 503)


@blueprint.get("/readyz")
def readyz() -> tuple[dict[str, str], int]:
    """Is the start-up load over? Busy with a job is ready."""
    return ({"status": "ready"}, 200) if gpu_thread().ready else ({"status": "not ready"}, 503)


@blueprint.get("/openapi.json")
def openapi() -> dict[str, Any]:
    """The description of all of this."""
    description: dict[str, Any] = current_app.extensions["musicgen_openapi"]
    return description
