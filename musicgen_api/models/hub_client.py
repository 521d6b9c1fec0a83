"""How huggingface_hub speaks HTTP in this process: by a client that says soon what its own would retry for long.

By itself the hub's client asks six times for a file's metadata, over 23 seconds and more, before it says that there is
no network; after a 429 it sleeps for as long as it is told, six times. Here the first contact has a deadline, a passing
failure is tried three times within two seconds, and what remains is raised as an error that the hub's client does not
know and therefore does not retry. The body of a file, once it flows, is resumed as the hub's client does it.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.request import getproxies

import httpx2
from huggingface_hub import set_client_factory
from huggingface_hub.utils._http import hf_request_event_hook, parse_ratelimit_headers
from socksio.exceptions import SOCKSError

CONNECT_S = 3.0
"""Longest wait for a connection to one address."""
CONTACT_S = 4.5
"""Longest wait for the first connection, the name's look-up and all addresses together."""
PAUSES_S = (0.5, 1.5)
"""Between the attempts, when the hub's failure may pass."""
_TRY_AGAIN = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")


class HubSilent(Exception):
    """The hub, or what stands between, cannot be reached. The text is a sentence without addresses."""


class HubAnswered(Exception):
    """The hub answered that it cannot serve now, more than once."""

    def __init__(self, status: int, retry_after_s: int | None) -> None:
        super().__init__(f"the hub answered {status}")
        self.status = status
        self.retry_after_s = retry_after_s


class Contact:
    """Whether the hub was reached, for a thread that waits for another which may hang in a look-up."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._made = False

    @property
    def overdue(self) -> bool:
        """A first connection was tried for, and did not come in time."""
        return not self._made and self._began is not None and time.monotonic() - self._began > CONTACT_S

    def begin(self) -> None:
        """A request is about to be sent."""
        self._began = self._began or time.monotonic()

    def make(self) -> None:
        """Something answered."""
        self._made = True


_contact: ContextVar[Contact | None] = ContextVar("contact", default=None)


@contextmanager
def contact_noted(contact: Contact) -> Iterator[None]:
    """Let `contact` know of this thread's requests."""
    token = _contact.set(contact)
    try:
        yield
    finally:
        _contact.reset(token)


class _Client(httpx2.Client):
    """httpx's client, but for its patience."""

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send, and raise `HubSilent` or `HubAnswered` for what the hub's client would retry too long."""
        request.extensions["timeout"] = _shortened(request.extensions.get("timeout"))
        contact = _contact.get() or Contact()
        contact.begin()
        for pause_s in (*PAUSES_S, None):
            response = self._send_once(request, contact, options)
            if response.status_code < 500 and response.status_code not in _TRY_AGAIN:
                return response
            response.close()
            asked_s = _retry_after_s(response)
            if pause_s is None or (asked_s is not None and asked_s > pause_s):
                break
            time.sleep(pause_s)
        raise HubAnswered(response.status_code, asked_s)

    def _send_once(self, request: httpx2.Request, contact: Contact, options: dict[str, Any]) -> httpx2.Response:
        connections = []

        def trace(event: str, info: dict[str, Any]) -> None:
            if event.endswith("connect_tcp.complete"):
                contact.make()
                connections.append(info["return_value"])

        request.extensions["trace"] = trace
        try:
            response = super().send(request, **options)
            contact.make()
            return response
        except (SOCKSError, AssertionError, httpx2.ProxyError) as error:
            for connection in connections:  # which httpcore forgets where the proxy's answer is not what it waits for
                connection.close()
            raise httpx2.ProxyError("the proxy refuses, or does not speak its protocol") from error
        except (httpx2.ConnectError, httpx2.TimeoutException) as error:
            if request.method != "HEAD":  # a file's body: the hub's client resumes it, five times
                raise
            raise HubSilent(_why_silent(error)) from error


def install() -> None:
    """Have huggingface_hub use this client from now on."""
    set_client_factory(_make_client)


def _make_client() -> httpx2.Client:
    """A client with the hub's own options. Raises `HubSilent` where the environment rules one out."""
    _check_proxies()
    try:
        return _Client(event_hooks={"request": [hf_request_event_hook]}, follow_redirects=True, timeout=None)
    except OSError as error:
        raise HubSilent(
            f"SSL_CERT_FILE or SSL_CERT_DIR names certificates that cannot be read ({error.strerror})"
        ) from error


def _check_proxies() -> None:
    """Name the variable whose address httpx would refuse, rather than let it raise whatever it does."""
    for kind, address in _proxies().items():
        variable = f"{kind.upper()}_PROXY"
        scheme, separator, _ = address.partition("://")
        if separator and scheme.lower() not in _PROXY_SCHEMES:
            raise HubSilent(
                f"{variable} cannot be used: a proxy's address begins with http://, https://, socks5:// or socks5h://, "
                f"and not with {scheme[:20]}://"
            )
        try:
            usable = bool(httpx2.URL(address if separator else f"http://{address}").host)
        except httpx2.InvalidURL:
            usable = False
        if not usable:
            raise HubSilent(f"{variable} cannot be used: it must be an address such as http://proxy:3128")


def _shortened(timeout: dict[str, float | None] | None) -> dict[str, float | None]:
    given = timeout or {}
    connect_s = given.get("connect")
    return given | {"connect": CONNECT_S if connect_s is None else min(connect_s, CONNECT_S)}


def _why_silent(error: httpx2.TransportError) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                "its certificate is not trusted; where a proxy reads along, SSL_CERT_FILE must name a file "
                "with the proxy's certificate"
            )
        cause = cause.__cause__ or cause.__context__
    variables = ", ".join(f"{kind.upper()}_PROXY" for kind in sorted(_proxies()))
    through = f" ({variables} is set: perhaps the proxy cannot)" if variables else ""
    slow = isinstance(error, httpx2.ReadTimeout | httpx2.WriteTimeout)
    return f"{'it does not answer in time' if slow else 'it cannot be reached'}{through}"


def _proxies() -> dict[str, str]:
    """The proxies that httpx takes from the environment, by http, https and all."""
    found = getproxies()
    if "*" in [host.strip() for host in found.get("no", "").split(",")]:
        return {}
    return {kind: found[kind] for kind in ("http", "https", "all") if found.get(kind)}


def _retry_after_s(response: httpx2.Response) -> int | None:
    """After how many seconds the hub may be asked again, if it says so: by the standard header or by its own."""
    limit = parse_ratelimit_headers(response.headers)
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS and limit is not None and limit.remaining == 0:
        return limit.reset_in_seconds
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return int(value)
    try:
        seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):
        return None
    return max(int(seconds) + 1, 0)
