"""The loop: accepts, reads requests, hands complete ones to threads, sends on what threads have written.

It waits for nobody. What a client may hold without a request in work is a connection, of which there are as many as
descriptors allow, and its bytes, of which there is a bounded number in all.
"""

from __future__ import annotations

import dataclasses
import errno
import logging
import queue
import selectors
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from musicgen_api.domain.errors import MusicGenError, Overloaded, error_body
from musicgen_api.server.connection import Connection, State

ACCEPTED_AT_ONCE = 64
TICK_S = 0.5
"""How often the clock is looked at; deadlines are as exact as this."""
SMALL_BODY_BYTES = 65_536
LARGE_BODIES_BYTES = 256 * 2**20
"""Memory for all unfinished requests that are larger than a small one; small ones are bounded by their number."""
UNREAD_BYTES = 512 * 2**20
"""Memory for all answers that clients have not read yet; the newest one may be larger."""

OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

Answer = Callable[[Connection, Any], bool]
ErrorBody = Callable[[str, MusicGenError], Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Limits:
    """What clients may take."""

    timeout_s: float
    keepalive_s: float
    max_body_bytes: int
    max_connections: int
    larger_bodies: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """The longest body of paths that take more than `max_body_bytes`."""


class Front:
    """The loop over listeners and connections. `post` may be called from any thread, everything else on the loop.

    Args:
        config: gunicorn's configuration.
        submit: runs a function on one of the threads for a request of this method, without waiting.
        answer: called on that thread; writes the answer to the connection's `output`, returns whether to keep the
            connection.
        error_body: in which JSON to say that a request for this path is refused; the path is empty if it is not known.
    """

    def __init__(
        self,
        listeners: Sequence[Any],
        limits: Limits,
        config: Any,
        log: logging.Logger,
        submit: Callable[[str, Callable[[], None]], Any],
        answer: Answer,
        error_body: ErrorBody = lambda path, error: error_body(error),
    ) -> None:
        self.limits = limits
        self.config = config
        self.log = log
        self._submit = submit
        self._answer = answer
        self.error_body = error_body
        self._connections: set[Connection] = set()
        self._newcomers: set[Connection] = set()  # of this turn
        self._selector = selectors.DefaultSelector()
        self._posts: queue.SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]]] = queue.SimpleQueue()
        self._listeners = list(listeners)
        for listener in self._listeners:
            _ask_for_signs_of_life(listener, limits.timeout_s)
        self._accepting = False
        self._not_before = 0.0
        self._next_tick = 0.0
        self._woken, self._wake = socket.socketpair()
        for end in (self._woken, self._wake):
            end.setblocking(False)
        self.on_readable(self._woken, self._run_posts)

    # --- any thread

    def post(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call `function` on the loop, soon."""
        self._posts.put((function, arguments))
        with suppress(OSError):  # full: it will wake up anyway. Closed: the process ends.
            self._wake.send(b"\0")

    # --- the loop

    def turn(self) -> None:
        """Wait for events, no longer than a tick, and deal with them."""
        self._newcomers.clear()
        self._accept_if_room()
        ready = self._selector.select(TICK_S)
        # Newcomers last: whoever has sent a request is not pushed out before it is read.
        for key, events in sorted(ready, key=lambda item: item[0].fileobj in self._listeners):
            self._guarded(key.data, events)
        now = time.monotonic()
        if now >= self._next_tick:
            self._next_tick = now + TICK_S
            self._tick(now)

    def on_readable(self, source: Any, callback: Callable[[int], None]) -> None:
        """Call `callback` on the loop when `source` can be read."""
        self._selector.register(source, selectors.EVENT_READ, callback)

    @property
    def at_work(self) -> bool:
        """A request is being answered, or its answer has not been read yet."""
        return any(connection.state in (State.ANSWERING, State.SENDING) for connection in self._connections)

    def stop_listening(self) -> None:
        """Close the listeners."""
        self._set_accepting(False)
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def close(self, error: MusicGenError) -> None:
        """End: close everything; requests that were begun get `error`."""
        self.stop_listening()
        for connection in list(self._connections):
            self._guarded(connection.give_up, error)
        self._selector.close()
        self._woken.close()
        self._wake.close()

    # --- for connections

    def select_for(self, connection: Connection, before: int, wanted: int) -> None:
        """Change which events of its socket are waited for."""
        if not before:
            self._selector.register(connection.socket, wanted, connection.on_events)
        elif wanted:
            self._selector.modify(connection.socket, wanted, connection.on_events)
        else:
            self._selector.unregister(connection.socket)

    def answer(self, connection: Connection, request: Any) -> None:
        """Have a complete request answered by a thread."""

        def work() -> None:
            keep = False
            try:
                keep = self._answer(connection, request)
            finally:
                self.post(connection.on_answered, keep)

        self._submit(request.method, work)

    def make_room_for_body(self, connection: Connection) -> None:
        """An unfinished request has grown.

        Raises:
            Overloaded: all of them together have become too large.
        """
        if connection.held_bytes > SMALL_BODY_BYTES:
            held = (other.held_bytes for other in self._connections)
            if sum(size for size in held if size > SMALL_BODY_BYTES) > LARGE_BODIES_BYTES:
                raise Overloaded

    def forget(self, connection: Connection) -> None:
        """It is closed."""
        self._connections.discard(connection)

    # --- inside

    def _accept_if_room(self) -> None:
        self._set_accepting(self._has_room() and time.monotonic() >= self._not_before)

    def _has_room(self) -> bool:
        return len(self._connections) < self.limits.max_connections or self._weakest() is not None

    def _set_accepting(self, accepting: bool) -> None:
        if accepting == self._accepting:
            return
        self._accepting = accepting
        for listener in self._listeners:
            if accepting:
                self.on_readable(listener, partial(self._accept, listener, listener.getsockname()))
            else:
                self._selector.unregister(listener)

    def _accept(self, listener: Any, address: Any, _events: int) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            if not self._has_room():
                return
            try:
                client, peer = listener.accept()
            except OSError as error:
                if error.errno in OUT_OF_DESCRIPTORS and not self._drop_weakest():
                    self._not_before = time.monotonic() + TICK_S
                return
            client.setblocking(False)
            connection = Connection(self, client, peer, address)
            self._connections.add(connection)
            self._newcomers.add(connection)
            connection.watch()
            if len(self._connections) > self.limits.max_connections:
                self._drop_weakest()

    def _weakest(self) -> Connection | None:
        """Whom to give up for a newcomer: nobody whose request is in work, and of the others the one that waits longest
        in the least promising state.
        """
        settled = self._connections - self._newcomers
        candidates = (connection for connection in settled if connection.state <= State.SENDING)
        return min(candidates, key=lambda connection: (connection.state, connection.since), default=None)

    def _drop_weakest(self) -> bool:
        weakest = self._weakest()
        if weakest is not None:
            weakest.give_up(Overloaded())
        return weakest is not None

    def _tick(self, now: float) -> None:
        for connection in list(self._connections):
            self._guarded(connection.on_tick, now)
        self._drop_unread()

    def _drop_unread(self) -> None:
        """Clients that are slow to read are given up, the slowest first, while their answers take too much memory.

        The newest one stays: an answer may be larger than all that others may leave unread, and has to arrive, too.
        """
        unread = sorted((c for c in self._connections if c.output.pending), key=lambda connection: connection.since)
        held = sum(connection.output.held_bytes for connection in unread)
        for connection in unread[:-1]:
            if held <= UNREAD_BYTES:
                return
            held -= connection.output.held_bytes
            connection.stop_sending()

    def _run_posts(self, _events: int) -> None:
        with suppress(BlockingIOError):
            self._woken.recv(4096)
        for _ in range(self._posts.qsize()):
            function, arguments = self._posts.get()
            self._guarded(function, *arguments)

    def _guarded(self, function: Callable[..., None], *arguments: Any) -> None:
        """A defect in the handling of one connection is logged; it ends neither the others nor the running job."""
        try:
            function(*arguments)
        except Exception:
            self.log.exception("A connection could not be served")
            owner = getattr(function, "__self__", None)
            if isinstance(owner, Connection):
                owner.close()


def _ask_for_signs_of_life(listener: Any, timeout_s: float) -> None:
    """Have the kernel end connections whose other end has vanished without a word: a machine that was switched off, a
    network that broke. Accepted sockets inherit these options.
    """
    if listener.family not in (socket.AF_INET, socket.AF_INET6):
        return
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    probe_s = max(1, int(timeout_s / 4))
    for name, value in [
        ("TCP_KEEPIDLE", probe_s),
        ("TCP_KEEPINTVL", probe_s),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", int(timeout_s * 1000)),
    ]:
        if hasattr(socket, name):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
