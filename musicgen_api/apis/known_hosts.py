"""Under which names the service answers: the defence against pages whose name is made to resolve to this machine.

Such a page (DNS rebinding) is of the service's own origin to the browser, so it could generate and read. Its name is
all that gives it away. Where only this machine can connect, the names by which it does are known; elsewhere they are
the operator's to say.
"""

from __future__ import annotations

from flask import Flask, request
from werkzeug.exceptions import MisdirectedRequest

from musicgen_api import hosts
from musicgen_api.settings import Settings


def refuse_unknown_hosts(app: Flask, settings: Settings) -> None:
    """Answer 421 to every request for another name, on loopback addresses or if MUSICGEN_HOSTS is set."""
    local_only = settings.proxy_hops == 0 and hosts.reaches_this_machine_only(settings.host)
    if not local_only and not settings.known_hosts:
        return
    known = settings.known_hosts | {"localhost", settings.host.lower()}

    def is_known(name: str | None) -> bool:
        if name is None:
            return False
        # An address cannot be made to resolve to another one: where others connect, health checks come by it.
        return name in known or hosts.is_loopback(name) or (not local_only and hosts.address_of(name) is not None)

    def check() -> None:
        # After ProxyFix, so this may be a believed X-Forwarded-Host. Browsers always send a Host; HTTP/1.0 need not.
        host = request.environ.get("HTTP_HOST", "")
        if host and not is_known(hosts.name_of(host)):
            raise MisdirectedRequest(
                f"This service does not answer to the name {host[:100]!r}. If that is a name of it, "
                "add it, without the port, to the setting MUSICGEN_HOSTS."
            )

    app.before_request(check)
