"""`GET /api/models`: what may be asked for as `model`."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from musicgen_api.blueprints.jobs import catalog, gpu_thread
from musicgen_api.synthesis.request import Decoding

blueprint = Blueprint("models", __name__, url_prefix="/api")


@blueprint.get("/models")
def list_models() -> dict[str, Any]:
    """The catalogue, and which of its models are in memory."""
    return {"models": describe_models()}


def describe_models() -> list[dict[str, Any]]:
    """One object for each model of the catalogue."""
    loaded, decodings = gpu_thread().loaded_models, gpu_thread().decodings
    return [
        {
            "id": entry.id,
            "title": entry.title,
            "description": entry.description,
            "channels": entry.channels,
            "bundled": entry.bundled,
            "default": entry.id == catalog().default_id,
            "loaded": entry.id in loaded,
            **_decoding(decodings.get(entry.id)),
        }
        for entry in catalog()
    ]


def _decoding(decoding: Decoding | None) -> dict[str, str | None]:
    """What decodes a loaded model; nothing is known of one that is not."""
    if decoding is None:
        return {"engine": None, "precision": None}
    return {"engine": decoding.engine, "precision": decoding.precision}
