"""When will the first of all instances be free? Asked of real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from musicgen_api import peers
from musicgen_api.peers import MARK, Address, Peers
from tests.helpers.nginx import free_port


class Instance(ThreadingHTTPServer):
    """Answers with `status`, and `Retry-After` where there is one; remembers the questions."""

    def __init__(self, status: int, retry_after: str | None = None) -> None:
        self.asked: list[tuple[str, str | None]] = []
        instance = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                instance.asked.append((self.path, self.headers.get(MARK)))
                self.send_response(status)
                if retry_after is not None:
                    self.send_header("Retry-After", retry_after)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """The test tells more."""

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> Address:
        """Where it listens."""
        return "127.0.0.1", self.server_port


@contextmanager
def answering(*instances: Instance) -> Iterator[list[Address]]:
    with ExitStack() as stack:
        for instance in instances:
            stack.enter_context(instance)
            thread = threading.Thread(target=instance.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(instance.shutdown)
        yield [instance.address for instance in instances]


def test_alone_it_is_its_own_time() -> None:
    assert Peers([])(40) == 40


@pytest.mark.parametrize(("own_s", "soonest_s"), [(40, 12), (12, 12), (3, 3)])
def test_of_all_times_it_is_the_smallest(own_s: int, soonest_s: int) -> None:
    with answering(Instance(503, "30"), Instance(503, "12")) as addresses:
        assert Peers(addresses)(own_s) == soonest_s


def test_one_that_is_free_takes_a_request_in_a_second() -> None:
    with answering(Instance(503, "30"), Instance(200)) as addresses:
        assert Peers(addresses)(40) == 1


def test_what_is_dead_strange_silent_or_unknown_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "ASK_S", 0.2)
    with answering(Instance(503, "30"), Instance(503, "soon"), Instance(404)) as addresses, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        wrong = [("127.0.0.1", free_port()), ("no-such-name.invalid", 80), silent.getsockname()]
        assert Peers([*wrong, *addresses])(40) == 30


def test_a_storm_of_requests_is_one_question_that_the_asked_one_does_not_ask_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    instance = Instance(503, "12")
    with answering(instance) as addresses:
        soonest = Peers(addresses)
        assert [soonest(40) for _ in range(50)] == [12] * 50
        assert instance.asked == [("/api/healthcheck", "1")]
        monkeypatch.setattr(peers, "KEEP_S", -1.0)
        assert soonest(40) == 12
        assert len(instance.asked) == 2


def test_a_name_stands_for_all_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = Instance(503, "12")
    resolve = socket.getaddrinfo

    def resolve_app(name: str, port: int, *rest: int, **more: int) -> list[tuple[object, ...]]:
        hosts = ("127.0.0.2", "127.0.0.1") if name == "app" else (name,)  # nobody listens on the first
        return [found for host in hosts for found in resolve(host, port, *rest, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve_app)
    with answering(instance):
        assert Peers([("app", instance.server_port)])(40) == 12
