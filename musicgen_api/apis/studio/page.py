"""`GET /`: the page."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from flask import Blueprint, Response, current_app, make_response, render_template

from musicgen_api.apis.documents.schemas import LOUDNESS, MAX_TAKES, defaults, music_schema
from musicgen_api.apis.languages import preferred_language, translate
from musicgen_api.apis.services import gpu_thread, settings
from musicgen_api.apis.studio.models import describe_models
from musicgen_api.domain.errors import MusicGenError, Unavailable
from musicgen_api.version import VERSION

blueprint = Blueprint("pages", __name__)

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)


@blueprint.get("/")
def index() -> Response:
    """The form, with the service's own models, limits and defaults."""
    limits = {
        "max_duration_s": settings().max_duration_s,
        "max_prompt_chars": settings().max_prompt_chars,
        "max_takes": MAX_TAKES,
        "loudness": LOUDNESS,
    }
    html = render_template(
        "index.html",
        models=describe_models(),
        limits=limits,
        defaults=defaults(music_schema(settings())),
        modules=_modules(current_app.static_folder or ""),
        failure=_lasting(gpu_thread().unready_because),
        version=VERSION,
    )
    response = make_response(html)
    response.vary.add("Accept-Language")
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


@cache
def _modules(folder: str) -> list[str]:
    """The script's modules: the browser fetches all of them at once, not one after the other has been read."""
    return sorted(path.name for path in Path(folder).glob("*.js") if path.name != "main.js")


def _lasting(reason: MusicGenError | None) -> str | None:
    """Why the service is not ready, where that does not pass by itself as its start does."""
    if reason is None or isinstance(reason, Unavailable):
        return None
    return translate(reason.message, preferred_language())
