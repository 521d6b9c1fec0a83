"""Has the client gone? Asked of the socket itself, because a write only tells at the second try, and a client that
leaves while nothing is written would go unnoticed (behind nginx as well: it closes its own side when its client does).
"""

from __future__ import annotations

import select
import socket
import ssl

from flask import request


class Connection:
    """The current request's connection.

    A client that only half-closes counts as gone, as it does for nginx. Where the server does not hand out a plain
    socket (a test client, TLS in gunicorn itself), `closed` is never true and a failing write tells.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = request.environ.get("gunicorn.socket") or request.environ.get(
            "werkzeug.socket"
        )
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket = None

    @property
    def closed(self) -> bool:
        """The peer has closed or reset the connection. Does not wait, reads nothing away."""
        if self._socket is None:
            return False
        try:
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            if not poll.poll(0):
                return False
            return self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except (OSError, ValueError):
            return True
