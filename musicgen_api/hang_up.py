"""Has the peer of a socket gone? Read from the socket's state, so that bytes which wait to be read hide nothing.

A write tells only at the second try, and between the steps of a job nothing is written. A peek sees the end of file
only behind the last byte, and a client may leave right after a line end or a second request.
"""

from __future__ import annotations

import select
import socket

_RDHUP = getattr(select, "POLLRDHUP", 0)
"""Linux: the peer has closed its side. macOS lacks the name and says POLLHUP for the same (XNU's poll_callback)."""
_GONE = _RDHUP | select.POLLHUP | select.POLLERR | select.POLLNVAL


def hung_up(connection: socket.socket) -> bool:
    """The peer has closed, half-closed or reset the connection, or it is closed here. Neither waits nor reads."""
    try:
        poll = select.poll()
        poll.register(connection, _RDHUP or select.POLLIN)
        events = poll.poll(0)
        if any(event & _GONE for _, event in events):
            return True
        # A system that has neither word for it: the end of file at least, where no byte stands before it.
        return bool(events) and connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except (OSError, ValueError):  # closed here: a file descriptor of -1
        return True
