"""Has the client gone? Asked of the socket itself, behind nginx as well: it closes its side when its client does."""

from __future__ import annotations

import socket
import ssl

from flask import request

from musicgen_api.hang_up import hung_up


class Connection:
    """The current request's connection.

    A client that only half-closes counts as gone, as it does for nginx. Where the server does not hand out a plain
    socket (a test client, TLS in the server itself), `closed` is never true and a failing write tells.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = request.environ.get("gunicorn.socket") or request.environ.get(
            "werkzeug.socket"
        )
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket = None

    @property
    def closed(self) -> bool:
        """The peer has closed or reset the connection. Does not wait, and does not consume bytes."""
        return self._socket is not None and hung_up(self._socket)
