"""`GET /api/models`: what may be asked for as `model`."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from musicgen_api.apis.services import catalog, gpu_thread
from musicgen_api.domain.request import Backend

blueprint = Blueprint("models", __name__, url_prefix="/api")


@blueprint.get("/models")
def list_models() -> dict[str, Any]:
    """The catalogue, and which of its models are in memory."""
    return {"models": describe_models()}


def describe_models() -> list[dict[str, Any]]:
    """One object for each model of the catalogue."""
    backends = gpu_thread().backends
    return [
        {
            "id": entry.id,
            "title": entry.title,
            "description": entry.description,
            "purpose": entry.purpose,
            "channels": entry.channels,
            "melody": entry.melody,
            "sample_rate": entry.sample_rate,
            "duration": entry.duration,
            "defaults": dict(entry.defaults),
            "bundled": entry.bundled,
            "default": entry.id == catalog().default_id,
            "default_for_sounds": entry.id == catalog().sound_id,
            "loaded": entry.id in backends,
            **_backend(backends.get(entry.id)),
        }
        for entry in catalog()
    ]


def _backend(backend: Backend | None) -> dict[str, str | None]:
    """What generates with a loaded model; nothing is known of one that is not."""
    if backend is None:
        return {"engine": None, "precision": None, "form": None}
    return {"engine": backend.engine, "precision": backend.precision, "form": backend.form}
