"""Who may use the service: with keys set, whoever sends one of them. By default nobody needs one.

A wrong or missing key raises `Unauthorized` before the route runs, so the error handler of the route's own family
answers it.
"""

from __future__ import annotations

import logging

from flask import Flask, Response, request

from musicgen_api.apis.request_ids import identify
from musicgen_api.domain.errors import Unauthorized
from musicgen_api.settings import Settings

log = logging.getLogger(__name__)

OPEN = frozenset({"operations.livez", "operations.readyz", "operations.openapi", "healthcheck.healthcheck"}) | {
    *("pages.index", "static"),
}
"""The endpoints that need no key: probes, which carry none, the description, and the page, which asks for one."""


def require_keys(app: Flask, settings: Settings) -> None:
    """Where keys are set, answer 401 to every request without one, apart from the open routes and preflights."""
    keys = settings.keys
    if not keys:
        return

    def check() -> None:
        if request.method == "OPTIONS" or request.endpoint in OPEN:
            return
        sent = _sent_keys()
        labels = [label for key in sent if (label := keys.label_of(key)) is not None]
        if not labels:
            reason = "wrong" if sent else "no"
            log.warning("Refused %s %s from %s: %s API key", request.method, request.path, request.remote_addr, reason)
            raise Unauthorized(wrong=bool(sent))
        identify(labels[0])

    app.before_request(check)
    app.after_request(_name_scheme)


def _sent_keys() -> list[str]:
    """What the request carries as keys: OpenAI's clients send the first header, ElevenLabs' the second."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return [key for key in (bearer, request.headers.get("xi-api-key", "").strip()) if key]


def _name_scheme(response: Response) -> Response:
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="MusicGen API"'
    return response
