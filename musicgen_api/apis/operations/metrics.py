"""`GET /metrics`, for Prometheus."""

from __future__ import annotations

from flask import Blueprint, Response, request
from prometheus_client.exposition import choose_encoder

from musicgen_api.apis.services import meters

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Everything that is counted and measured, in the format that the client asks for."""
    try:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    except TypeError:  # it asks for a version that is not made of numbers
        encode, content_type = choose_encoder("")
    response = Response(encode(meters().registry), content_type=content_type)
    response.headers["Cache-Control"] = "no-store"
    return response
