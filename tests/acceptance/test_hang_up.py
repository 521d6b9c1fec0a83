"""However a client leaves, and whatever it has sent before, directly and through nginx: its job stops."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from tests.helpers import nginx
from tests.helpers.nginx import Proxy
from tests.helpers.server import Server, wait_until
from tests.helpers.sockets import connect, get, post, read_exactly, reset

LONG_S = 3600
"""More than a minute at the pace of these services."""
FREE_S = 3.0
"""The contract's "within a second", on a busy machine."""
PATHS = {
    "/api/music": {"description": "slow sad piano", "duration": LONG_S},
    "/generate": {"model": "bundled/musicgen-tiny", "prompt": "slow sad piano", "duration": LONG_S},
}
Leave = Callable[[socket.socket], None]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a service that makes silence at a pace."""
    log = tmp_path_factory.mktemp("hang-up") / "log"
    with Server({"MUSICGEN_MAX_DURATION_S": f"{LONG_S}"}, log, application="tests.helpers.paced_service:app") as server:
        yield server


@pytest.fixture(scope="module")
def proxy(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Put nginx in front of it."""
    with nginx.in_front_of(server, tmp_path_factory.mktemp("nginx")) as proxy:
        yield proxy


def close(connection: socket.socket) -> None:
    connection.close()


def half_close(connection: socket.socket) -> None:
    """Send no more, and wait for an answer."""
    connection.shutdown(socket.SHUT_WR)


def close_after_an_empty_line(connection: socket.socket) -> None:
    """Send what some old clients send after a body."""
    connection.sendall(b"\r\n")
    connection.close()


def close_after_another_request(connection: socket.socket) -> None:
    """Send a second request in packets of its own and leave."""
    connection.sendall(get("/livez"))
    connection.close()


def close_after_another_job(connection: socket.socket) -> None:
    connection.sendall(request("/generate"))
    connection.close()


def half_close_after_another_request(connection: socket.socket) -> None:
    connection.sendall(get("/livez"))
    connection.shutdown(socket.SHUT_WR)


def reset_after_another_request(connection: socket.socket) -> None:
    connection.sendall(get("/livez"))
    reset(connection)


WAYS = [
    close,
    reset,
    half_close,
    close_after_an_empty_line,
    close_after_another_request,
    close_after_another_job,
    half_close_after_another_request,
    reset_after_another_request,
]


def request(path: str) -> bytes:
    return post(path, json.dumps(PATHS[path]).encode())


def leave_in_the_middle(server: Server, connection: socket.socket, path: str, leave: Leave) -> None:
    """Wait until the job is at work, and on the stream until events have come; leave; the service has to be free."""
    wait_until(lambda: server.busy, why="the job to begin")
    if path == "/api/music":
        read_exactly(connection, 500)
    leave(connection)
    server.wait_until_free(FREE_S)
    connection.close()


@pytest.mark.parametrize("leave", WAYS)
@pytest.mark.parametrize("path", PATHS)
def test_leaving_stops_the_job(server: Server, path: str, leave: Leave) -> None:
    leave_in_the_middle(server, connect(server, request(path)), path, leave)


@pytest.mark.parametrize("leave", WAYS)
@pytest.mark.parametrize("path", PATHS)
def test_leaving_stops_the_job_through_nginx(proxy: Proxy, path: str, leave: Leave) -> None:
    connection = socket.create_connection(("127.0.0.1", proxy.port), timeout=30)
    connection.sendall(request(path))
    leave_in_the_middle(proxy.server, connection, path, leave)


@pytest.mark.parametrize("path", PATHS)
def test_two_jobs_in_one_packet_run_one_after_the_other_and_leaving_stops_both(server: Server, path: str) -> None:
    leave_in_the_middle(server, connect(server, request(path) + request(path)), path, close)


@pytest.mark.parametrize("path", PATHS)
def test_a_client_that_vanishes_without_a_word_is_missed(paced: Callable[..., Server], path: str) -> None:
    """As if its machine were switched off: the connection is gone on its side, and nothing was sent to say so."""
    with paced(MUSICGEN_CLIENT_TIMEOUT_S="4") as server:
        connection = connect(server, request(path))
        wait_until(lambda: server.busy, why="the job to begin")
        wait_until(lambda: unacknowledged(connection) == 0, why="silence, or a late acknowledgement finds nobody")
        vanish(connection)
        server.wait_until_free(8)


def unacknowledged(connection: socket.socket) -> int:
    """How many segments the other side has not acknowledged (tcpi_unacked of Linux's struct tcp_info)."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 28)
    return int(struct.unpack("8B5I", info)[-1])


def vanish(connection: socket.socket) -> None:
    """Close without a FIN or RST (TCP_REPAIR, which the kernel grants to administrators of the network)."""
    TCP_REPAIR = 19
    try:
        connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    except PermissionError:
        connection.close()
        pytest.skip(f"uid {os.getuid()} may not close a connection without a word")
    connection.close()
