"""Which web pages may use the service: its own, and those of the origins that MUSICGEN_CORS_ORIGINS lists.

A browser lets any page send a form, or a text/plain or multipart body, to any address, localhost included; only the
answer is kept from the page. Browsers say where a request comes from: `Sec-Fetch-Site` on https and localhost,
`Origin` everywhere. A program sends neither and is served. A page whose name is made to resolve to this machine is of
the service's own origin; `known_hosts` refuses that one.

The rule is that of Go's http.CrossOriginProtection: the hosts of `Origin` and `Host` are compared without their
schemes, because a proxy may end TLS without saying so.
"""

from __future__ import annotations

from flask import Flask, Response, request

from musicgen_api.domain.errors import ForeignOrigin
from musicgen_api.settings import Settings

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
EXPOSED = (
    "Content-Disposition, Retry-After, X-Audio-Channels, X-Audio-Sample-Rate, X-MusicGen-Model, X-MusicGen-Seed, "
    "X-Request-Id"
)
"""Headers of answers that a listed page may read, besides the few that every page may."""
PREFLIGHT_S = "600"


def guard_origins(app: Flask, settings: Settings) -> None:
    """Answer 403 to what a page of another origin sends, but for GET, which changes nothing and which it cannot read.

    Listed origins are served, and told so in the headers of CORS.
    """
    listed = settings.origins

    def is_listed(origin: str | None) -> bool:
        return origin is not None and (origin in listed or "*" in listed)

    def check() -> None:
        origin = request.headers.get("Origin")
        if request.method not in SAFE_METHODS and not is_listed(origin) and not _is_own(origin):
            raise ForeignOrigin(origin)

    def allow(response: Response) -> Response:
        origin = request.headers.get("Origin")
        if "*" not in listed:
            response.vary.add("Origin")
        if origin is not None and is_listed(origin):
            _allow(response, "*" if "*" in listed else origin)
        return response

    app.before_request(check)
    if listed:
        app.after_request(allow)


def _is_own(origin: str | None) -> bool:
    """Whether a program sent the request, or the service's own page."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")  # none: the user's doing, such as an address typed in
    # After ProxyFix, so this may be a believed X-Forwarded-Host.
    return origin is None or origin.partition("://")[2].lower() == request.environ.get("HTTP_HOST", "").lower()


def _allow(response: Response, origin: str) -> None:
    headers = response.headers
    headers["Access-Control-Allow-Origin"] = origin
    headers["Access-Control-Expose-Headers"] = EXPOSED
    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "GET, POST")
        headers["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "")
        headers["Access-Control-Max-Age"] = PREFLIGHT_S
