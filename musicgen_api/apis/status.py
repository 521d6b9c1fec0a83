"""What health and probes answer: one word, and why."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request

from musicgen_api.apis.services import gpu_thread
from musicgen_api.peers import MARK


def status_response(name: str, status: int, **details: Any) -> Response:
    """`{"status": name}` and the details; a 503 says when to ask again."""
    response = jsonify({"status": name} | details)
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    if status == 503:
        response.headers["Retry-After"] = str(gpu_thread().retry_after_s(here=MARK in request.headers))
    return response
