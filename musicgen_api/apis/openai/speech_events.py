"""The events of `stream_format: sse`: `speech.audio.delta` with the file's bytes, then `speech.audio.done`."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from musicgen_api.apis.files import LiveFile
from musicgen_api.apis.languages import translate_body
from musicgen_api.apis.openai.errors import SHAPE
from musicgen_api.domain.errors import MusicGenError


def events(file: LiveFile, language: str) -> Iterator[bytes]:
    """The whole stream. A failure is its last event, in the shape in which OpenAI's clients look for errors, and in
    `language`.
    """
    try:
        for piece in file:
            yield _event({"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode("ascii")})
    except MusicGenError as error:
        yield _event({"type": "error"} | translate_body(SHAPE.body(error, SHAPE.status(error)), language))
        return
    yield _event({"type": "speech.audio.done", "usage": _usage(file)})


def _event(message: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(message)}\n\n".encode("ascii")


def _usage(file: LiveFile) -> dict[str, int]:
    """Characters in, codes of the codec out: what the work grows with. There is nothing to pay."""
    read = len(file.request.description)
    codes = file.music.takes[0].codes if file.music is not None else None
    made = 0 if codes is None else int(codes.ids.size)
    return {"input_tokens": read, "output_tokens": made, "total_tokens": read + made}
