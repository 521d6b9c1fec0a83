"""One client's connection, as the loop sees it. Every method runs on the loop and none of them waits."""

from __future__ import annotations

import enum
import io
import socket
import time
from selectors import EVENT_READ, EVENT_WRITE
from typing import TYPE_CHECKING, Any

from musicgen_api.domain.errors import MusicGenError
from musicgen_api.server import refusals
from musicgen_api.server.pace import Pace
from musicgen_api.server.reading import RequestReader
from musicgen_api.server.sending import Output

if TYPE_CHECKING:
    from musicgen_api.server.front import Front

READ_BYTES = 65_536
LINGER_S = 2.0
NEVER = float("inf")


class State(enum.IntEnum):
    """What happens on a connection, in the order in which connections are given up when there are too many."""

    LINGERING = 0  # all is said; what the client still sends is dropped, or a reset would overtake the answer
    KEPT = 1  # answered before; nothing of another request has come
    READING = 2  # new, or a part of a request has come
    SENDING = 3  # the answer is complete, and not all of it is read
    ANSWERING = 4  # a thread works on it
    CLOSED = 5


class Connection:
    """A state machine: READING -> ANSWERING -> SENDING -> KEPT -> READING again, or LINGERING -> CLOSED."""

    def __init__(self, front: Front, client: socket.socket, peer: Any, listener: Any) -> None:
        """`peer` and `listener` are the addresses of both ends, as sockets give them."""
        self.socket = client
        self.peer = peer
        self.listener = listener
        self.output = Output(client, front.limits.timeout_s, lambda: front.post(self.watch))
        self.state = State.READING
        self.since = time.monotonic()
        """When this state began."""
        self._front = front
        self._reader = RequestReader(front.config, peer, front.limits.max_body_bytes, front.limits.larger_bodies)
        self._deadline = self.since + front.limits.timeout_s
        self._pace = Pace(front.limits.timeout_s, self.since)
        self._clock_runs = False
        self._watched = 0
        self._keep = False
        self._answered_bytes = 0

    # --- events

    def on_events(self, events: int) -> None:
        """The socket can be read or written."""
        if events & EVENT_WRITE:
            self.output.flush()
            if self.state is State.SENDING:
                self._settle()
        if events & EVENT_READ and self.state <= State.READING:
            self._receive()
        self.watch()

    def on_answered(self, keep: bool) -> None:
        """The answer is written, all of it; `keep` the connection for another request."""
        if self.state is State.CLOSED:
            return
        self._answered_bytes = 0
        self._keep = keep
        self._enter(State.SENDING)
        self._settle()
        self.watch()

    def on_tick(self, now: float) -> None:
        """Look at the clock."""
        if self.state is State.CLOSED or now < self.deadline:
            return
        if self.output.pending:
            self.stop_sending()
        elif self._reader.begun and self.state is State.READING:
            self.refuse(refusals.timed_out(self._front.limits.timeout_s))
        else:
            self.close()

    @property
    def deadline(self) -> float:
        """The time from which the client is late."""
        return min(self.output.deadline, NEVER if self.state >= State.SENDING else self._deadline)

    @property
    def held_bytes(self) -> int:
        """Memory that the request takes."""
        return self._reader.held_bytes + self._answered_bytes

    # --- ends

    def refuse(self, error: MusicGenError) -> None:
        """Answer from the loop itself and close."""
        self._front.log.debug("Refused with %d: %s", error.status, error.message)
        said = self._front.error_body(self._reader.path, error)
        response = refusals.encode(error, with_body=not self._reader.is_head_request, said=said)
        self._reader.forget()
        if self._say(response):
            self.on_answered(keep=False)

    def give_up(self, error: MusicGenError) -> None:
        """Close now; say why, as far as that can be done at once, to a client that is sending a request."""
        if self._reader.begun and self.state is State.READING:
            self.refuse(error)
        self.close()

    def stop_sending(self) -> None:
        """Give up a client that reads too slowly or not at all."""
        self._front.log.debug("A client does not read its answer")
        self.output.abort()
        if self.state is not State.ANSWERING:  # else its thread learns it from the socket, and ends
            self.close()

    def close(self) -> None:
        """Forget the connection."""
        if self.state is State.CLOSED:
            return
        self.state = State.CLOSED
        self.watch()
        self.output.broken = True
        self.socket.close()
        self._front.forget(self)

    # --- inside

    def _receive(self) -> None:
        try:
            data = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
        elif self.state is State.LINGERING:
            self._linger_on(time.monotonic())
        else:
            self._reader.feed(data)
            self._pace.moved(len(data), time.monotonic())
            self._advance()

    def _advance(self) -> None:
        """Act on the bytes that have arrived."""
        try:
            request = self._reader.next_request()
            if request is None:
                self._front.make_room_for_body(self)
        except MusicGenError as error:
            self.refuse(error)
            return
        if request is not None:
            self._clock_runs = False
            self._enter(State.ANSWERING)
            self._answered_bytes = request.body.seek(0, io.SEEK_END)
            request.body.seek(0)
            self._front.answer(self, request)
        elif self._reader.begun:
            self._read_on()

    def _read_on(self) -> None:
        if not self._clock_runs:
            self._clock_runs = True
            self._enter(State.READING)
            self._pace = Pace(self._front.limits.timeout_s, self.since)
            self._deadline = self.since + self._front.limits.timeout_s  # the head, as a whole
        if self._reader.in_body:
            self._deadline = self._pace.deadline
        if self._reader.awaits_continue:
            self._reader.tell_continued()
            self._say(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _say(self, text: bytes) -> bool:
        """Send a short answer from the loop itself; is the client still there?"""
        try:
            self.output.sendall(text)
        except BrokenPipeError:
            self.close()
            return False
        return True

    def _settle(self) -> None:
        """Continue after the answer has been sent."""
        if self.output.broken:
            self.close()
        elif not self.output.pending:
            if self._keep:
                self._enter(State.KEPT)
                self._deadline = self.since + self._front.limits.keepalive_s
                self._advance()  # the next request may be there already
            else:
                self._linger()

    def _linger(self) -> None:
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()
            return
        self._enter(State.LINGERING)
        self._linger_on(self.since)

    def _linger_on(self, now: float) -> None:
        self._deadline = min(now + LINGER_S, self.since + self._front.limits.timeout_s)

    def _enter(self, state: State) -> None:
        self.state = state
        self.since = time.monotonic()

    def watch(self) -> None:
        """Ask the selector for the events that this state needs, and for no others."""
        wanted = EVENT_READ if self.state <= State.READING else 0
        if self.output.pending and not self.output.broken and self.state is not State.CLOSED:
            wanted |= EVENT_WRITE
        if wanted != self._watched:
            self._front.select_for(self, self._watched, wanted)
            self._watched = wanted
