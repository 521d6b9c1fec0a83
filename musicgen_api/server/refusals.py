"""What the front answers by itself. Such requests never reach the application, which only says in which JSON shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from gunicorn.http import errors as http
from gunicorn.util import http_date

from musicgen_api.domain.errors import MusicGenError, RequestError, Unavailable, error_body

CODES = {
    400: "bad_request",
    408: "request_timeout",
    413: "request_entity_too_large",
    414: "request_uri_too_long",
    417: "expectation_failed",
    431: "request_header_fields_too_large",
    501: "not_implemented",
    505: "http_version_not_supported",
}
"""`code` for each status: the names that Werkzeug's exceptions get in `error_responses`."""

_HEAD = (
    "HTTP/1.1 {status} {phrase}\r\nDate: {date}\r\nConnection: close\r\nContent-Type: application/json\r\n"
    "Content-Length: {length}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n{more}\r\n"
)


def refusal(status: int, message: str) -> RequestError:
    """The refusal of a request that is not valid HTTP. The connection is closed after it."""
    error = RequestError(message)
    error.status, error.code = status, CODES[status]
    return error


def timed_out(timeout_s: float) -> RequestError:
    """408: the request began but did not arrive completely."""
    return refusal(408, f"The request did not arrive in time; nothing may stall for more than {timeout_s:g} s.")


def too_large() -> RequestError:
    """413."""
    return refusal(413, "The request body is larger than the service accepts.")


def of(error: Exception) -> RequestError:
    """The refusal for what gunicorn's parser raises."""
    match error:
        case http.LimitRequestLine():
            return refusal(414, "The request line is too long; parameters belong in the body.")
        case http.LimitRequestHeaders():
            return refusal(431, "The request's headers are too many or too long.")
        case http.UnsupportedTransferCoding():
            return refusal(501, "The only transfer coding of a body that the service knows is chunked.")
        case http.ExpectationFailed():
            return refusal(417, "The only expectation that the service can meet is 100-continue.")
        case http.InvalidHTTPVersion(version=(_, _)):
            return refusal(505, "The service speaks HTTP/1.1 and HTTP/1.0.")
        case http.InvalidRequestLine() | http.InvalidRequestMethod() | http.InvalidHTTPVersion():
            return refusal(400, "The request line is not valid HTTP.")
        case http.InvalidChunkSize() | http.InvalidChunkExtension() | http.ChunkMissingTerminator():
            return refusal(400, "The body's chunks are not valid HTTP.")
        case _:
            return refusal(400, "The request's headers are not valid HTTP.")


def encode(error: MusicGenError, *, with_body: bool = True, said: Mapping[str, Any] | None = None) -> bytes:
    """The whole response; `said` is its JSON, the service's own if left out. Without a body for a HEAD request."""
    body = json.dumps(error_body(error) if said is None else said).encode()
    head = _HEAD.format(
        status=error.status,
        phrase=HTTPStatus(error.status).phrase,
        date=http_date(),
        length=len(body),
        more=f"Retry-After: {error.retry_after_s}\r\n" if isinstance(error, Unavailable) else "",
    )
    return head.encode() + (body if with_body else b"")
