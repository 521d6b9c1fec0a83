"""The address to listen on: why it cannot be had, in a sentence, where gunicorn would try five times and give up."""

from __future__ import annotations

import errno
import socket
import time

from musicgen_api.settings import ConfigurationError

RETRY_S = 3.0
"""How long a port may still be held by the process that this one follows."""


def require(host: str, port: int) -> None:
    """Bind `host` and `port` once and let go.

    Raises:
        ConfigurationError: that cannot be done; the text names HOST or PORT, with its value.
    """
    deadline = time.monotonic() + RETRY_S
    while (error := _bind(host, port)) is not None:
        if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
            raise ConfigurationError(_explain(error, host, port)) from None
        time.sleep(0.2)


def _bind(host: str, port: int) -> OSError | None:
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
            trial.listen(1)  # two may be bound to one port, but one may listen
    except OSError as error:
        return error
    return None


def _explain(error: OSError, host: str, port: int) -> str:
    if isinstance(error, socket.gaierror):
        return f"HOST cannot be used: {host!r} is not known as a name of this machine ({error.strerror})."
    match error.errno:
        case errno.EADDRINUSE:
            return f"PORT cannot be used: another process listens on {port} at {host!r} (HOST) already."
        case errno.EADDRNOTAVAIL:
            return f"HOST cannot be used: {host!r} is not an address of this machine."
        case errno.EACCES:
            return f"PORT cannot be used: this user may not listen on {port}; take one above 1023."
    return f"HOST and PORT cannot be used: listening on {port} at {host!r} failed ({error.strerror})."
