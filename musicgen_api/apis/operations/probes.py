"""`GET /livez`, `GET /readyz`, `GET /openapi.json`."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app

from musicgen_api.apis.services import gpu_thread
from musicgen_api.apis.status import status_response
from musicgen_api.domain.errors import MusicGenError, error_body

blueprint = Blueprint("operations", __name__)


@blueprint.get("/livez")
def livez() -> Response:
    """Should this process keep running?"""
    return _probe("alive", "dead", gpu_thread().dead_because)


@blueprint.get("/readyz")
def readyz() -> Response:
    """Can this process make music with the default model? A busy process is ready."""
    return _probe("ready", "not ready", gpu_thread().unready_because)


@blueprint.get("/openapi.json")
def openapi() -> dict[str, Any]:
    """The description of all of this."""
    description: dict[str, Any] = current_app.extensions["musicgen_openapi"]
    return description


def _probe(good: str, bad: str, reason: MusicGenError | None) -> Response:
    return status_response(good, 200) if reason is None else status_response(bad, 503, **error_body(reason))
