"""The service's JSON becomes messages or errors. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from musicgen_api.client.errors import Busy, ClientError, Refused, ServiceError, UnexpectedAnswer
from musicgen_api.client.messages import Loading, Model, Music, News, Progress, Queued, Sound, Started, Take

_REFUSED = (400, 413, 415, 422)
_BUSY = (429, 503)
_DEFAULT_RETRY_AFTER_S = 5.0


def json_object(text: str | bytes) -> dict[str, Any]:
    """A JSON object. Raises `UnexpectedAnswer` for anything else."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise UnexpectedAnswer("The answer is not a JSON object: this is not MusicGen API, or a proxy is in between.")
    return body


def error_of(status: int, body: bytes, retry_after: str | None) -> ClientError:
    """The error that an answer with another status than 200 tells."""
    try:
        message, code = _sentence(json_object(body))
    except (UnexpectedAnswer, KeyError):
        return UnexpectedAnswer(f"The answer is HTTP status {status} without a reason that MusicGen API would give.")
    if status in _BUSY:
        seconds = retry_after or ""  # a proxy may send a date
        is_known = seconds.isascii() and seconds.isdigit()
        return Busy(message, code, float(seconds) if is_known else _DEFAULT_RETRY_AFTER_S)
    return Refused(message, code) if status in _REFUSED else ServiceError(message, code)


def news_or_music(event: Mapping[str, Any]) -> News | Music | None:
    """What an event of the stream says; None for one that this client does not know.

    Raises:
        Refused: the event says which of the request's fields are wrong.
        ServiceError: the event says that the job failed.
        UnexpectedAnswer: the event lacks what it must have.
    """
    if "error" in event:
        kind = Refused if "fields" in event else ServiceError  # some fields prove wrong when the model is in memory
        raise kind(*_sentence(event))
    try:
        return _read(event)
    except (KeyError, TypeError, ValueError) as error:
        raise UnexpectedAnswer(f"An event of the stream cannot be read: {error!r}.") from None


def models(body: Mapping[str, Any]) -> list[Model]:
    """The models of `GET /api/models`. Raises `UnexpectedAnswer`."""
    try:
        return [
            Model(one["id"], one["title"], one["description"], one["default"], one["loaded"], one.get("melody"), one)
            for one in body["models"]
        ]
    except (KeyError, TypeError):
        raise UnexpectedAnswer("The answer has no list of models: this is not MusicGen API.") from None


def _read(event: Mapping[str, Any]) -> News | Music | None:
    match event["status"]:
        case "queued":
            return Queued(event["position"], event.get("wait_s"))
        case "started":
            return Started(event["model"], event["seed"])
        case "loading":
            return Loading(event["model"], event["bytes_done"], event["bytes_total"])
        case "generating":
            return Progress(float(event["progress"]), event.get("phase", "generating"), event.get("remaining_s"))
        case "audio":
            pcm = base64.b64decode(event["pcm"], validate=True)
            return Sound(event["from_s"], pcm, event["sample_rate"], event["channels"])
        case "completed":
            takes = tuple(_take(one) for one in event.get("takes", [event]))
            return Music(takes, event["model"], event["duration"], event["sample_rate"], event["channels"])
        case _:
            return None


def _take(one: Mapping[str, Any]) -> Take:
    return Take(one["seed"], base64.b64decode(one["audio_data"], validate=True), one.get("recipe"))


def _sentence(body: Mapping[str, Any]) -> tuple[str, str]:
    return str(body["error"]), str(body.get("code", "error"))
