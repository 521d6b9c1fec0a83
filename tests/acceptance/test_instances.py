"""Three real instances behind a real nginx with `deploy/nginx.conf`, one of which is killed."""

from __future__ import annotations

import os
import re
import signal
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from musicgen_api.peers import MARK
from tests.helpers import nginx
from tests.helpers.nginx import Proxy, free_port
from tests.helpers.server import Server, read_events, wait_until

GENERATE = {"model": "bundled/musicgen-tiny", "prompt": "slow sad piano", "duration": 1}
LENGTHS_S = (600, 1200, 2400)


class Instances:
    """The instances, and nginx in front of them."""

    def __init__(self, servers: list[Server], proxy: Proxy) -> None:
        self.servers = servers
        self.proxy = proxy

    @property
    def living(self) -> list[Server]:
        """Those that have not been killed."""
        return [server for server in self.servers if server.exit_code is None]

    @property
    def busy(self) -> int:
        """How many of them have a job."""
        return sum(server.busy for server in self.living)

    def kill(self, server: Server) -> None:
        """End an instance without a word, as a machine that loses its power."""
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()

    def generate(self, **body: object) -> requests.Response:
        """POST /generate by way of nginx."""
        return requests.post(f"{self.proxy.url}/generate", json=GENERATE | body, timeout=60)

    def fill(self, stack: ExitStack) -> list[requests.Response]:
        """Let all of them work for long, each on a job of another length."""
        jobs = []
        for number in range(len(self.living)):
            jobs.append(stack.enter_context(self.proxy.music(duration=LENGTHS_S[number])))
            wait_until(lambda number=number: self.busy == number + 1, why="one more of them to be busy")
        return jobs

    def wait_until_free(self) -> None:
        """Wait until nobody works."""
        wait_until(lambda: self.busy == 0, why="all to be free")


@contextmanager
def three_instances(folder: Path) -> Iterator[Instances]:
    """Start them, each knowing of the others."""
    ports = [free_port() for _ in range(3)]
    settings = {
        "MUSICGEN_MAX_DURATION_S": "3600",
        "MUSICGEN_PROXY_HOPS": "1",
        "MUSICGEN_GRACE_S": "1",
        "MUSICGEN_PEERS": ",".join(f"127.0.0.1:{port}" for port in ports),
    }
    application = "tests.helpers.paced_service:app"
    with ExitStack() as stack:
        prepared = [
            Server(settings | {"PORT": str(port)}, folder / f"log-{port}", application=application) for port in ports
        ]
        servers = [stack.enter_context(server) for server in prepared]
        yield Instances(servers, stack.enter_context(nginx.in_front_of(servers[0], folder, *servers[1:])))


@pytest.fixture(scope="module")
def running_instances(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instances]:
    """Run them once for all tests that leave them alive."""
    with three_instances(tmp_path_factory.mktemp("instances")) as instances:
        yield instances


@pytest.fixture
def instances(running_instances: Instances) -> Iterator[Instances]:
    """Lend them to a test, which must leave them free."""
    yield running_instances
    running_instances.wait_until_free()


@pytest.fixture
def mortal_instances(tmp_path: Path) -> Iterator[Instances]:
    """Instances for one test alone."""
    with three_instances(tmp_path) as instances:
        yield instances


def health(url: str, **headers: str) -> requests.Response:
    return requests.get(f"{url}/api/healthcheck", headers=headers, timeout=30)


def test_all_work_at_once_and_only_when_all_are_busy_it_is_503_with_the_smallest_retry_after(
    instances: Instances,
) -> None:
    with ExitStack() as stack:
        instances.fill(stack)
        assert health(instances.proxy.url).status_code == 503
        wait_until(lambda: all(health(s.url, **{MARK: "1"}).headers["Retry-After"] != "5" for s in instances.servers))
        own_s = sorted(int(health(server.url, **{MARK: "1"}).headers["Retry-After"]) for server in instances.servers)
        assert own_s[0] < own_s[1] < own_s[2]
        for answer in [*(instances.generate() for _ in range(3)), *(health(instances.proxy.url) for _ in range(3))]:
            assert answer.status_code == 503
            assert 1 <= int(answer.headers["Retry-After"]) <= own_s[0]
        refusal = instances.generate().json()
        assert refusal["code"] == "busy"
        assert int(re.search(r"Try again in (\d+) s", refusal["error"])[1]) <= own_s[0]


def test_one_that_leaves_frees_its_own_instance_and_that_is_found(instances: Instances) -> None:
    with ExitStack() as stack:
        jobs = instances.fill(stack)
        for job in jobs:
            job.close()
            wait_until(lambda: instances.busy == 2, why="its instance to be free")
            assert health(instances.proxy.url).json() == {"status": "healthy"}
            prompt = "ж" * 2000  # the busy ones have read all of it before
            answer = instances.generate(prompt=prompt)
            assert (answer.status_code, answer.headers["Content-Type"]) == (200, "audio/wav")
            stack.enter_context(instances.proxy.music(duration=LENGTHS_S[-1]))
            wait_until(lambda: instances.busy == 3)


def test_live_sound_comes_while_it_is_made(instances: Instances) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(instances.proxy.music(duration=LENGTHS_S[0]))
        with instances.proxy.music(duration=20, live=True, recipe=False) as response:
            pieces = [piece for piece in response.iter_content(None) if piece]
    events = list(read_events(b"".join(pieces).splitlines()))
    end_s = 0.0
    for event in (event for event in events if event["status"] == "audio"):
        assert event["from_s"] == end_s  # without a gap
        end_s += len(b64decode(event["pcm"])) / 2 / event["sample_rate"]
    assert end_s == 20
    assert sum(b'"audio"' in piece for piece in pieces) >= 10  # not all at once
    assert events[-1]["status"] == "completed"


def test_a_dead_instance_is_left_out_and_its_work_goes_on_elsewhere(mortal_instances: Instances) -> None:
    instances = mortal_instances
    files: list[requests.Response] = []
    client = threading.Thread(target=lambda: files.append(instances.generate(duration=60)))
    client.start()
    wait_until(lambda: instances.busy == 1, why="the job to begin")
    instances.kill(next(server for server in instances.servers if server.busy))
    client.join()
    assert files[0].status_code == 200  # another one has made it, from the beginning
    assert len(files[0].content) > 60 * 64_000
    assert [instances.generate().status_code for _ in range(12)] == [200] * 12
    assert health(instances.proxy.url).status_code == 200
    with ExitStack() as stack:
        instances.fill(stack)
        for _ in range(9):  # whichever is asked last
            answer = instances.generate()
            assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        assert health(instances.proxy.url).json() == {"status": "busy"}
    instances.wait_until_free()
    for server in instances.living:
        instances.kill(server)
    answer = instances.generate()
    assert (answer.status_code, answer.json()["code"]) == (503, "unreachable")


def test_nginx_names_requests_and_keeps_the_figures_to_the_instances(instances: Instances) -> None:
    named = requests.get(f"{instances.proxy.url}/livez", headers={"X-Request-Id": "mine"}, timeout=30)
    assert named.headers["X-Request-Id"] == "mine"
    unnamed = requests.get(f"{instances.proxy.url}/livez", timeout=30)
    assert re.fullmatch(r"[0-9a-f]{32}", unnamed.headers["X-Request-Id"])
    assert requests.get(f"{instances.proxy.url}/metrics", timeout=30).status_code == 404
    assert requests.get(f"{instances.servers[0].url}/metrics", timeout=30).status_code == 200


def test_an_instance_that_ends_gives_its_work_to_the_others(mortal_instances: Instances) -> None:
    instances = mortal_instances
    instances.servers[0].terminate()
    assert [instances.generate().status_code for _ in range(6)] == [200] * 6
