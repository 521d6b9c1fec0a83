"""A job's events -> the bytes of the event stream. Pure.

Each event is one line `data: <JSON object>` and an empty line. Nothing else is ever sent: no comments, no `event:`,
`id:` or `retry:`, because the document's client reads every non-empty line with `json.loads(line.split("data: ")[1])`.
For the same reason the text `data: ` never stands inside the JSON.
"""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any

from musicgen_api.apis.rendering import encoding_of, recipe_of, render
from musicgen_api.audio.recipe import as_json
from musicgen_api.domain.errors import error_body
from musicgen_api.domain.events import Completed, Downloading, Event, Failed, Progress, Queued
from musicgen_api.domain.request import Music, MusicRequest, Reading, Sound, Take

_FILE_MARK = secrets.token_hex(16)
"""Stands for a file while the rest becomes JSON; nobody outside knows it."""


def encode(message: dict[str, Any]) -> bytes:
    """One event: ASCII JSON on one line. `bytes` in it are base64, and stand in it as they are.

    They may be hundreds of megabytes: one pass over them as JSON would stop every other thread for seconds.
    """
    files: list[bytes] = []

    def set_aside(file: bytes) -> str:
        files.append(file)
        return _FILE_MARK

    text = json.dumps(message, allow_nan=False, default=set_aside).replace("data: ", "data:\\u0020")
    first, *others = f"data: {text}\n\n".encode("ascii").split(_FILE_MARK.encode())
    return b"".join([first, *(part for pair in zip(files, others, strict=True) for part in pair)])


def started(request: MusicRequest) -> dict[str, Any]:
    """The first message of a stream."""
    return {"status": "started", "model": request.model, "seed": request.seed}


def audio(sound: Sound) -> dict[str, Any]:
    """The message for sound that is sent while it is made."""
    pcm = base64.b64encode(sound.samples.T.astype("<i2").tobytes()).decode("ascii")
    return {
        "status": "audio",
        "from_s": round(sound.start_s, 6),
        "pcm": pcm,
        "sample_rate": sound.sample_rate,
        "channels": len(sound.samples),
    }


def completed(music: Music, request: MusicRequest) -> dict[str, Any]:
    """The message that ends a stream: the first take as the document has it, and all of them where there are more."""
    files = [_file(take, music, request) for take in music.takes]
    message = {
        "status": "completed",
        **files[0],
        "model": request.model,
        "seed": request.seed,
        "duration": request.duration,
        "sample_rate": encoding_of(request).rate_for(music.sample_rate),
        "channels": music.channels,
        **read(music.takes[0].reading, request),
    }
    return message | ({"takes": files} if request.takes > 1 else {})


def _file(take: Take, music: Music, request: MusicRequest) -> dict[str, Any]:
    """A take's seed, its file in base64 and, where it is asked for, its recipe."""
    file = base64.b64encode(render(take, music.sample_rate, request))
    recipe = {"recipe": as_json(recipe_of(request, take))} if request.recipe else {}
    return {"seed": take.seed, "audio_data": file, **recipe}


def read(reading: Reading, request: MusicRequest) -> dict[str, Any]:
    """What messages say of a reading: nothing where the model reads what was asked for."""
    message: dict[str, Any] = {}
    if reading.descriptions and request.sections:
        message["sections_used"] = list(reading.descriptions)
    elif reading.descriptions:
        message["description_used"] = reading.descriptions[0]
    return message | ({"warning": reading.warning} if reading.warning else {})


def generating(percent: float, **more: Any) -> dict[str, Any]:
    """A progress message."""
    return {"status": "generating", "progress": round(percent, 1), **more}


def message(event: Event, request: MusicRequest) -> dict[str, Any]:
    """The message for an event of the job that serves `request`."""
    match event:
        case Downloading(model, bytes_done, bytes_total):
            return {"status": "loading", "model": model, "bytes_done": bytes_done, "bytes_total": bytes_total}
        case Queued(position, wait_s):
            return {"status": "queued", "position": position, "wait_s": _rounded(wait_s)}
        case Progress(percent, phase, elapsed_s, remaining_s, reading):
            times = {"elapsed_s": round(elapsed_s, 1), "remaining_s": _rounded(remaining_s)}
            return generating(percent, phase=phase, **times, **read(reading, request))
        case Sound() as sound:
            return audio(sound)
        case Completed(music):
            return completed(music, request)
        case Failed(error):
            return error_body(error)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
