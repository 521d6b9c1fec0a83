"""One job at a time: who is refused, how, and for how long not a moment more than the job takes."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections import Counter

import pytest
import requests

from tests.helpers.server import Server, read_events

LONG_S = 300
MUSIC = {"description": "slow sad piano", "duration": 1}
GENERATE = {"model": "test/mono", "prompt": "slow sad piano", "duration": 1}


@pytest.mark.parametrize(("path", "body"), [("/api/music", MUSIC), ("/generate", GENERATE)])
def test_a_second_request_is_refused_at_once_and_told_when_to_come_back(
    server: Server, path: str, body: dict[str, object]
) -> None:
    with server.music(duration=LONG_S):
        refusal = server.post(path, body)
    assert refusal.status_code == 503
    assert re.fullmatch(r"[1-9]\d*", refusal.headers["Retry-After"])
    assert refusal.json()["code"] == "busy"
    assert refusal.json()["error"]
    assert refusal.elapsed.total_seconds() < 2


def test_retry_after_follows_the_running_job_s_own_pace(server: Server) -> None:
    with server.music(duration=LONG_S) as response:
        for event in read_events(response.iter_lines()):
            if event.get("remaining_s"):
                break
        refusal = server.post("/api/music", MUSIC)
    assert abs(int(refusal.headers["Retry-After"]) - event["remaining_s"]) <= 0.5 * event["remaining_s"] + 2


def test_the_health_check_s_bodies_are_the_document_s_exactly(server: Server) -> None:
    healthy = server.get("/api/healthcheck")
    with server.music(duration=LONG_S):
        busy = server.get("/api/healthcheck")
        ready = server.get("/readyz")
    assert (healthy.status_code, healthy.json()) == (200, {"status": "healthy"})
    assert (busy.status_code, busy.json()) == (503, {"status": "busy"})
    assert ready.status_code == 200


def test_an_invalid_request_is_told_so_also_while_the_service_is_busy(server: Server) -> None:
    with server.music(duration=LONG_S):
        assert server.post("/api/music", {"description": "  "}).status_code == 400
        assert server.post("/generate", {"model": "test/mono"}).status_code == 422


def test_a_client_that_asks_again_on_the_completed_event_is_never_refused(server: Server) -> None:
    url, payload = f"{server.url}/api/music", json.dumps(MUSIC).encode()
    headers = {"Content-Type": "application/json"}
    with requests.Session() as session:
        response = session.post(url, payload, headers=headers, stream=True)
        for _ in range(25):
            assert response.status_code == 200, response.text
            for line in response.iter_lines():
                if b'"completed"' in line:
                    break
            finished, response = response, session.post(url, payload, headers=headers, stream=True)
            finished.close()
        assert response.status_code == 200
        response.close()


def test_a_client_that_asks_again_on_the_last_byte_of_the_wav_is_never_refused(server: Server) -> None:
    body = json.dumps(GENERATE).encode()
    request = b"POST /generate HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
    request += b"Content-Length: %d\r\n\r\n" % len(body) + body
    for _ in range(25):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(request)
            assert read_exactly_one_response(connection).startswith(b"HTTP/1.1 200 OK\r\n")


def read_exactly_one_response(connection: socket.socket) -> bytes:
    """Read up to the last byte that Content-Length promises, without waiting for the server to close."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65_536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])
    while len(body) < length:
        chunk = connection.recv(length - len(body))
        assert chunk, "the connection ended early"
        body += chunk
    return head + b"\r\n\r\n" + body


@pytest.mark.parametrize(("path", "body"), [("/api/music", MUSIC), ("/generate", GENERATE)])
def test_of_32_requests_at_once_exactly_one_wins(server: Server, path: str, body: dict[str, object]) -> None:
    together = threading.Barrier(32)
    responses: list[requests.Response] = []

    def ask() -> None:
        together.wait()
        responses.append(server.post(path, body | {"duration": 30}, stream=True))

    clients = [threading.Thread(target=ask) for _ in range(32)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    try:
        assert Counter(response.status_code for response in responses) == {200: 1, 503: 31}
    finally:
        for response in responses:
            response.close()
