"""OpenAI's shape of errors: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

from typing import Any

from musicgen_api.apis.error_shapes import ErrorShape
from musicgen_api.domain.errors import InvalidFields, MusicGenError, UnknownModel


def _body(error: MusicGenError, status: int) -> dict[str, Any]:
    unknown_model = isinstance(error, UnknownModel)
    details = {
        "message": error.message,
        "type": "invalid_request_error" if status < 500 else "server_error",
        "param": next(iter(error.fields), None) if isinstance(error, InvalidFields) else None,
        "code": "model_not_found" if unknown_model else error.code,
    }
    return {"error": details | ({"id": error.trace_id} if error.trace_id else {})}


def _status(error: MusicGenError) -> int:
    match error:
        case UnknownModel():
            return 404
        case InvalidFields():
            return 400
        case _:
            return error.status


SHAPE = ErrorShape(
    paths=("/v1/audio", "/v1/models"),
    body=_body,
    status=_status,
    # openai-python 3.57 does not try again at all if it should wait for more than 120 s; before, it waited for a second
    # or two instead of anything over 60 s. Both wait for a minute.
    longest_retry_after_s=60,
)
