"""`GET /v1/models` and `GET /v1/models/{model}`: the catalogue, as OpenAI lists models."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from musicgen_api.apis.services import catalog
from musicgen_api.models.catalog import CatalogEntry

blueprint = Blueprint("openai_models", __name__, url_prefix="/v1/models")

UNKNOWN_TIME = 0
"""`created`, in seconds since 1970, which the catalogue does not know."""


@blueprint.get("")
def list_models() -> dict[str, Any]:
    """All models that a request may name."""
    return {"object": "list", "data": [_describe(entry) for entry in catalog()]}


@blueprint.get("/<path:model>")
def retrieve_model(model: str) -> dict[str, Any]:
    """One of them, in either spelling."""
    return _describe(catalog().find(model))


def _describe(entry: CatalogEntry) -> dict[str, Any]:
    return {"id": entry.id, "object": "model", "created": UNKNOWN_TIME, "owned_by": entry.id.partition("/")[0]}
