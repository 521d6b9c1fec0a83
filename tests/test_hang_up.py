from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from musicgen_api import hang_up
from musicgen_api.hang_up import hung_up
from tests.helpers.server import wait_until
from tests.helpers.sockets import reset

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=["tcp", "unix"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Give both ends of a connection: ours, the client's."""
    if request.param == "unix":
        ours, client = socket.socketpair()
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            ours, _ = listener.accept()
    ours.setblocking(False)
    with ours, client:
        yield ours, client


@pytest.fixture
def without_rdhup(monkeypatch: pytest.MonkeyPatch) -> None:
    """Act as a system that lacks POLLRDHUP."""
    monkeypatch.setattr(hang_up, "_GONE", hang_up._GONE & ~hang_up._RDHUP)
    monkeypatch.setattr(hang_up, "_RDHUP", 0)


def half_close(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_WR)


LEAVE: list[Callable[[socket.socket], None]] = [socket.socket.close, half_close, reset]


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"x" * 10_000])
@pytest.mark.parametrize("leave", LEAVE)
def test_a_peer_that_has_left_is_seen_whatever_it_sent_before(
    pair: Pair, leave: Callable[[socket.socket], None], sent: bytes
) -> None:
    ours, client = pair
    client.sendall(sent)
    assert not hung_up(ours)
    leave(client)
    wait_until(lambda: hung_up(ours))


@pytest.mark.parametrize("sent", [b"", b"\r\n"])
def test_a_peer_that_is_there_is_not_missed_and_nothing_is_read_away(
    pair: Pair, sent: bytes, without_rdhup: None
) -> None:
    ours, client = pair
    client.sendall(sent)
    assert not hung_up(ours)
    assert not sent or ours.recv(10) == sent


@pytest.mark.parametrize("leave", LEAVE)
def test_without_pollrdhup_the_end_of_file_is_seen_where_nothing_stands_before_it(
    pair: Pair, leave: Callable[[socket.socket], None], without_rdhup: None
) -> None:
    ours, client = pair
    leave(client)
    wait_until(lambda: hung_up(ours))


def test_a_socket_that_is_closed_here_counts_as_left(pair: Pair) -> None:
    ours, _ = pair
    ours.close()
    assert hung_up(ours)
