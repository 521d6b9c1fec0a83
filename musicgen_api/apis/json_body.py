"""The JSON body of a request, read strictly."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any

import werkzeug.exceptions
from flask import current_app, request
from werkzeug.exceptions import RequestEntityTooLarge

from musicgen_api.domain import strict_json
from musicgen_api.domain.errors import NotJSON, UnsupportedMediaType

_DATA_URLS = re.compile(rb'"data:[^"]*"', re.IGNORECASE)
_MOST_URLS = 16
"""No request has more files; a body made of nothing else holds nobody up."""


def read_json() -> Any:
    """Decode the current request's body.

    A body that may be larger than `MAX_CONTENT_LENGTH` (`Request.max_content_length`) may be so for its `data:` URLs;
    whether these stand where files belong is the caller's to check.

    Raises:
        UnsupportedMediaType: the Content-Type is not JSON.
        werkzeug.exceptions.UnsupportedMediaType: the body is compressed.
        NotJSON: the body is not JSON; NaN and Infinity, which Python's reader would accept, are not.
        werkzeug.exceptions.RequestEntityTooLarge: the body is over the limit.
    """
    body = _read_all()
    urls = islice(_DATA_URLS.finditer(body), _MOST_URLS)
    refuse_large(len(body) - sum(url.end() - url.start() for url in urls))
    refuse_compressed()
    if not request.is_json:
        raise UnsupportedMediaType("The body must be JSON, sent with the header Content-Type: application/json.")
    return decode(body)


def decode(body: bytes | str) -> Any:
    """Decode JSON. Raises `NotJSON`."""
    try:
        return strict_json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotJSON(f"The body is not valid JSON ({_reason(error)}).") from None


def refuse_large(size: int) -> None:
    """Raise `RequestEntityTooLarge` where what is not an upload has more bytes than a request may have."""
    if size > current_app.config["MAX_CONTENT_LENGTH"]:
        raise RequestEntityTooLarge


def refuse_compressed() -> None:
    """Raise werkzeug's UnsupportedMediaType for a compressed body."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        # Like a body that is too large: how it travels, not what it says, so the same status on every route.
        raise werkzeug.exceptions.UnsupportedMediaType(
            "The body must not be compressed: send it without the header Content-Encoding."
        )


def _read_all() -> bytes:
    body = request.get_data(cache=False)
    # Of a chunked body, whose length is not announced, Werkzeug 3.1 drops what is beyond the limit without a word.
    if request.content_length is None and len(body) == request.max_content_length:
        raise RequestEntityTooLarge
    return body


def _reason(error: Exception) -> str:
    match error:
        case RecursionError():
            return "it is nested too deeply"
        case UnicodeDecodeError():
            return "it is not UTF-8"
        case json.JSONDecodeError():
            return f"{error.msg}, line {error.lineno}, column {error.colno}"
        case _:
            return str(error).split(";")[0]
