"""ElevenLabs' shape of errors: `{"detail": {"status", "message"}}`."""

from __future__ import annotations

from typing import Any

from musicgen_api.apis.error_shapes import ErrorShape
from musicgen_api.domain.errors import Busy, MusicGenError


def _body(error: MusicGenError, status: int) -> dict[str, Any]:
    details = {"status": "system_busy" if isinstance(error, Busy) else error.code, "message": error.message}
    return {"detail": details | ({"id": error.trace_id} if error.trace_id else {})}


SHAPE = ErrorShape(
    paths=("/v1/music", "/v1/sound-generation"),
    body=_body,
    longest_retry_after_s=60,  # elevenlabs-python never waits longer
)
