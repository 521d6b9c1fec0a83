"""An id for each request: the client's or the proxy's own where it is sane, else a new one. It goes through the log."""

from __future__ import annotations

import dataclasses
import re
import uuid

from flask import Flask, Response, current_app, request

from musicgen_api.domain.asker import CURRENT, Asker

HEADER = "X-Request-Id"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")


def name_requests(app: Flask) -> None:
    """Say in the log and in the answer which request it is about."""
    app.before_request(_begin)
    app.after_request(_answer)


def identify(client: str) -> None:
    """The current request's key has this label."""
    CURRENT.set(dataclasses.replace(CURRENT.get(), client=client))


def family() -> str:
    """The family of APIs that the current request's route belongs to, by the name of its folder; empty for no route."""
    blueprint = current_app.blueprints.get(request.blueprint or "")
    return blueprint.import_name.removeprefix(f"{__package__}.").partition(".")[0] if blueprint else ""


def _begin() -> None:
    sent = request.headers.get(HEADER, "")
    request_id = sent if _SANE.fullmatch(sent) else uuid.uuid4().hex
    # It stays until the thread begins another request: the generator of a stream runs after this one's end.
    CURRENT.set(Asker(request_id=request_id, family=family()))


def _answer(response: Response) -> Response:
    response.headers[HEADER] = CURRENT.get().request_id
    return response
