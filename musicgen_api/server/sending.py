"""An answer on its way out: written by the request's thread, sent on by the loop. The thread waits for no client.

A piece of music in one write is kept as it is (no copy) and the thread is free again. Only a stream of writes that has
far outrun its reader makes its thread wait, and no longer than the client's deadline.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from musicgen_api.hang_up import hung_up
from musicgen_api.server.pace import Pace

MOST_UNREAD_BYTES = 256 * 1024
"""Of a stream, in this process; the kernel holds some megabytes more."""
LOOK_S = 0.25
"""How often a waiting thread looks whether its client is still there."""


class Output:
    """What gunicorn's response takes for its socket: it has `sendall`.

    Args:
        connection: not blocking.
        timeout_s: longest time without progress.
        on_backlog: called, on the writing thread, when something is left for the loop to send with `flush`.
    """

    def __init__(self, connection: socket.socket, timeout_s: float, on_backlog: Callable[[], None]) -> None:
        self._socket = connection
        self._timeout_s = timeout_s
        self._on_backlog = on_backlog
        self._changed = threading.Condition()
        self._pieces: deque[tuple[memoryview, int]] = deque()  # the unsent rest of each, and its whole size
        self._held = 0
        self._pace = Pace(timeout_s, time.monotonic())
        self.broken = False
        """Nothing can be sent any more."""

    # --- the request's thread, or the loop for what is short

    def sendall(self, data: bytes) -> None:
        """Send `data`, or keep it for the loop.

        Raises:
            BrokenPipeError: the client has gone or stopped reading.
        """
        with self._changed:
            self._wait_for_room()
            if self.broken:
                raise BrokenPipeError("The client has gone or reads no more")
            if self._pieces:
                self._keep(memoryview(data), len(data))
                return
            rest = memoryview(data)[self._send(data) :]
            if self.broken:
                raise BrokenPipeError("The client has gone")
            if rest:
                self._pace = Pace(self._timeout_s, time.monotonic())
                self._keep(rest, len(data))
        if rest:
            self._on_backlog()

    def _wait_for_room(self) -> None:
        while self._held > MOST_UNREAD_BYTES and not self.broken:
            if not self._changed.wait(LOOK_S) and hung_up(self._socket):
                self.broken = True
                self._forget()

    # --- the loop

    def flush(self) -> None:
        """Send on what the client's side has room for."""
        with self._changed:
            while self._pieces and not self.broken:
                piece, size = self._pieces[0]
                sent = self._send(piece)
                if sent == 0:
                    return
                self._pace.moved(sent, time.monotonic())
                if sent < len(piece):
                    self._pieces[0] = piece[sent:], size
                else:
                    self._held -= size
                    self._pieces.popleft()
            self._changed.notify_all()

    def abort(self) -> None:
        """Give up: whoever writes gets an error, whoever looks at the socket sees that it is closed."""
        with self._changed:
            self.broken = True
            self._forget()
            self._changed.notify_all()
        with suppress(OSError):  # the client was faster
            self._socket.shutdown(socket.SHUT_RDWR)

    @property
    def pending(self) -> bool:
        """Something is left for `flush`."""
        return bool(self._pieces)

    @property
    def held_bytes(self) -> int:
        """Memory that is held until the client has read; a piece counts whole until its last byte has left."""
        return self._held

    @property
    def deadline(self) -> float:
        """When the client is late with reading; never if nothing is left to send."""
        with self._changed:
            return self._pace.deadline if self._pieces else float("inf")

    # --- with the lock held

    def _send(self, data: bytes | memoryview) -> int:
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.broken = True
            self._forget()
            return 0

    def _keep(self, piece: memoryview, size: int) -> None:
        self._pieces.append((piece, size))
        self._held += size

    def _forget(self) -> None:
        self._pieces.clear()
        self._held = 0
