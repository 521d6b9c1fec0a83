"""Every failure of every route, as JSON: in the one shape of `errors.error_body`, or in that of the path's family."""

from __future__ import annotations

import logging
import uuid

from flask import Flask, Response, current_app, jsonify, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from musicgen_api.apis.error_shapes import ErrorShape, ErrorShapes
from musicgen_api.apis.request_ids import family
from musicgen_api.apis.services import meters
from musicgen_api.domain.errors import MusicGenError, Unavailable

log = logging.getLogger(__name__)


def register_error_handlers(app: Flask, shapes: ErrorShapes) -> None:
    """One handler for our own errors, one for HTTP's, one for defects."""
    app.extensions["musicgen_error_shapes"] = shapes
    app.register_error_handler(MusicGenError, respond)
    app.register_error_handler(HTTPException, _respond_http)
    app.register_error_handler(Exception, _respond_defect)
    app.after_request(_shape_redirect)


def respond(error: MusicGenError, status: int | None = None) -> Response:
    """The response for `error`; `status` instead of the error's own where a route's document says another."""
    shape = _shape()
    status = status or shape.status(error)
    response = jsonify(shape.body(error, status))
    response.status_code = status
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = str(min(error.retry_after_s, shape.longest_retry_after_s))
    if response.status_code < 500 or isinstance(error, Unavailable):
        meters().refused(error.code, family())
    return response


def _shape() -> ErrorShape:
    shapes: ErrorShapes = current_app.extensions["musicgen_error_shapes"]
    return shapes.of(request.path)


def _respond_http(error: HTTPException) -> Response:
    """404, 405, 413 and their like; headers such as Allow stay."""
    message = error.description or error.name
    if isinstance(error, RequestEntityTooLarge):
        message = "The request body is larger than the service accepts."
    ours = MusicGenError(message)
    ours.code = error.name.lower().replace(" ", "_")
    response = respond(ours, error.code or 500)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _shape_redirect(response: Response) -> Response:
    """Werkzeug redirects by itself, with HTML, where an address has a slash too many; no error handler sees that."""
    if response.status_code in (301, 302, 307, 308) and response.mimetype == "text/html":
        moved = MusicGenError("The address is another one: it stands in the header Location.")
        moved.code = "redirect"
        response.set_data(jsonify(_shape().body(moved, response.status_code)).data)
        response.mimetype = "application/json"
    return response


def _respond_defect(error: Exception) -> Response:
    ours = MusicGenError("An internal error occurred; the server's log has the details under the id.")
    ours.trace_id = uuid.uuid4().hex[:12]
    log.error("[%s] unhandled exception", ours.trace_id, exc_info=error)
    return respond(ours)
