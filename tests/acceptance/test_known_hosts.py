"""The names of a real service on a real socket, where the Host may be anything or nothing."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from tests.helpers.server import Server, wait_until


def status(server: Server, head: str, address: str = "127.0.0.1") -> int:
    """The status of the answer to a request that is written out."""
    with socket.create_connection((address, server.port), timeout=30) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        match = re.match(rb"HTTP/1\.[01] (\d{3}) ", connection.recv(65_536))
        assert match is not None
        return int(match[1])


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("GET /api/models HTTP/1.1\nHost: localhost", 200),
        ("GET /api/models HTTP/1.1\nHost: test:80", 200),
        ("GET /api/models HTTP/1.0", 200),
        ("GET /api/models HTTP/1.0\nHost: rebound.example", 421),
        ("GET /api/models HTTP/1.1\nHost: rebound.example", 421),
        ("GET /api/models HTTP/1.1\nHost: REBOUND.example.:80", 421),
        ("GET / HTTP/1.1\nHost: rebound.example\nX-Forwarded-Host: localhost\nForwarded: host=localhost", 421),
        ("OPTIONS /api/music HTTP/1.1\nHost: rebound.example", 421),
    ],
)
def test_a_name_that_is_not_the_service_s_gets_nothing(server: Server, head: str, expected: int) -> None:
    assert status(server, head) == expected


def test_two_hosts_are_no_way_in(server: Server) -> None:
    assert status(server, "GET /api/models HTTP/1.1\nHost: localhost\nHost: rebound.example") in (400, 421)
    assert status(server, "GET /api/models HTTP/1.1\nHost: rebound.example\nHost: localhost") in (400, 421)


@pytest.mark.timeout(400)
def test_over_ipv6_it_answers_to_its_address(tmp_path: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with Server({"HOST": "::1", "MUSICGEN_PRELOAD": "false"}, tmp_path / "log") as server:
        wait_until(lambda: server.get("/readyz").ok, why="/readyz")
        port = server.port
        assert status(server, f"GET /api/models HTTP/1.1\nHost: [::1]:{port}", "::1") == 200
        assert status(server, f"GET /api/models HTTP/1.1\nHost: rebound.example:{port}", "::1") == 421
