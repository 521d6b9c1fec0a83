"""A service that strangers reach: a real nginx with TLS and limits, as `deploy/nginx-public.conf` sets them."""

from __future__ import annotations

import re
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.helpers import nginx, programs
from tests.helpers.fakes import ROOT
from tests.helpers.nginx import free_port
from tests.helpers.server import Server, wait_until

# One for each test that uses up what a key may do.
KEYS = {name: f"{name}-0123456789abcdef" for name in ("anne", "ben", "carl", "dora", "emil")}
LONG_S = 3600
GENERATE = {"model": "bundled/musicgen-tiny", "prompt": "slow sad piano", "duration": 1}


@dataclass
class Public:
    """The service behind nginx, reached from addresses of 127.0.0.0/8."""

    server: Server
    port: int
    plain_port: int
    certificate: Path
    access_log: Path
    sessions: dict[str, requests.Session] = field(default_factory=dict)

    def send(self, method: str, path: str, key: str = "anne", address: str = "127.0.0.1", **options: Any) -> Any:
        """Send a request from `address`."""
        if address not in self.sessions:
            self.sessions[address] = requests.Session()
            self.sessions[address].mount("https://", FromAddress(address))
        return self.sessions[address].request(
            method,
            f"https://localhost:{self.port}{path}",
            headers={"Authorization": f"Bearer {KEYS[key]}"},
            verify=str(self.certificate),
            timeout=60,
            **options,
        )

    def generate(self, key: str = "anne", address: str = "127.0.0.1", **body: object) -> requests.Response:
        """POST /generate."""
        response: requests.Response = self.send("POST", "/generate", key, address, json=GENERATE | body)
        return response


class FromAddress(requests.adapters.HTTPAdapter):
    """Connect from this address of the loopback network."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Give the pool the address."""
        super().init_poolmanager(*arguments, source_address=(self._address, 0), **options)


def make_certificate(folder: Path) -> None:
    """A certificate for localhost, and its key."""
    (folder / "tls").mkdir()
    subprocess.run(
        [
            *(programs.openssl(), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", folder / "tls/privkey.pem", "-out", folder / "tls/fullchain.pem"),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Public]:
    folder = tmp_path_factory.mktemp("public")
    make_certificate(folder)
    settings = {
        "MUSICGEN_API_KEYS": ",".join(f"{name}:{key}" for name, key in KEYS.items()),
        "MUSICGEN_PROXY_HOPS": "1",
        "MUSICGEN_MAX_DURATION_S": str(LONG_S),
        "MUSICGEN_QUEUE": "8",
    }
    port, plain_port = free_port(), free_port()
    with Server(settings, folder / "log", application="tests.helpers.paced_service:app") as server:
        site = nginx.adapt((ROOT / "deploy/nginx.conf").read_text(), [server.port], port)
        site = site.replace(f"listen 127.0.0.1:{port};", f"listen 127.0.0.1:{port} ssl;")
        more = (ROOT / "deploy/nginx-public.conf").read_text()
        more = more.replace("/etc/nginx/tls", f"{folder}/tls").replace("/var/log/nginx", str(folder))
        more = more.replace("listen 80;", f"listen 127.0.0.1:{plain_port};")
        with nginx.serving(folder, site + more, port):
            public = Public(server, port, plain_port, folder / "tls/fullchain.pem", folder / "musicgen.log")
            yield public
            for session in public.sessions.values():
                session.close()


def statuses(public: Public, count: int, **options: Any) -> Counter[int]:
    return Counter(public.generate(**options).status_code for _ in range(count))


def test_what_is_not_encrypted_is_sent_to_where_it_is(public: Public) -> None:
    answer = requests.post(f"http://localhost:{public.plain_port}/generate?a=1", allow_redirects=False, timeout=30)
    assert (answer.status_code, answer.headers["Location"]) == (308, "https://localhost/generate?a=1")
    page = public.send("GET", "/")
    assert page.status_code == 200
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert f"https://localhost:{public.port}/" in page.text  # the service knows how it is reached


def test_one_address_may_ask_for_six_pieces_then_for_ten_a_minute(public: Public) -> None:
    address = "127.0.0.2"
    counted = statuses(public, 9, address=address, model="no/such-model")  # what is refused counts too
    assert counted[422] in (6, 7)  # slow machines: a token comes every six seconds
    assert counted[429] == 9 - counted[422]
    refusal = public.generate(address=address)
    assert (refusal.status_code, refusal.json()["code"]) == (429, "too_many_requests")
    assert refusal.headers["Retry-After"] == "10"
    assert public.send("GET", "/api/models", address=address).status_code == 200  # and look at what there is
    assert public.generate("carl", "127.0.0.3").status_code == 200  # others are not concerned


def test_one_key_has_a_limit_from_wherever_it_comes(public: Public) -> None:
    counted = Counter[int]()
    for number in range(16):
        counted += statuses(public, 1, key="ben", address=f"127.0.1.{number + 1}", model="no/such-model")
    assert counted[429] >= 2  # eleven at once, then one every three seconds
    assert counted[422] >= 11
    assert public.generate("carl", "127.0.1.1").status_code == 200  # another key from the same address


def test_one_address_may_have_two_requests_at_a_time(public: Public) -> None:
    address, streams = "127.0.0.4", []
    with ExitStack() as stack:
        for _ in range(2):
            body = {"description": "piano", "duration": LONG_S}
            response = public.send("POST", "/api/music", "dora", address, json=body, stream=True)
            stack.callback(response.close)
            assert response.status_code == 200
            streams.append(response.iter_content(None))  # one that is forgotten closes its connection
            assert next(streams[-1])
        assert public.generate("dora", address).status_code == 429
        assert public.send("GET", "/livez", address=address).status_code == 200
    wait_until(lambda: public.send("GET", "/readyz").ok and not public.server.busy, why="both to be gone")


def test_a_flood_of_questions_is_stopped_and_health_is_answered_from_elsewhere(public: Public) -> None:
    found: list[int] = []

    def ask() -> None:
        found.extend(public.send("GET", "/livez", address="127.0.0.5").status_code for _ in range(60))

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert set(found) <= {200, 429}
    assert found.count(200) >= 101
    assert public.send("GET", "/livez", address="127.0.0.6").status_code == 200


def test_no_log_has_a_prompt_or_a_key(public: Public) -> None:
    public.send("GET", "/?description=a-secret-tune", address="127.0.0.7")
    public.generate("emil", "127.0.0.7", prompt="another-secret-tune")
    wait_until(lambda: '"POST /generate" 200' in public.access_log.read_text().split("127.0.0.7")[-1])
    logs = public.access_log.read_text() + public.server.log
    assert "secret-tune" not in logs
    assert not any(key in logs for key in KEYS.values())
    line = next(line for line in public.access_log.read_text().splitlines() if line.startswith("127.0.0.7"))
    request_id = line.split()[-1]
    assert re.fullmatch(r'127\.0\.0\.7 \[\S+\] "GET /" 200 \d+ [\d.]+ 200 [0-9a-f]{32}', line)
    assert re.fullmatch(r"[0-9a-f]{32}", request_id)


def test_the_filter_for_fail2ban_finds_wrong_keys_and_whose_they_were(public: Public) -> None:
    documented = re.search(r"^failregex = (.+)$", (ROOT / "docs/deployment.md").read_text(), re.MULTILINE)[1]
    pattern = re.compile(documented.replace("<HOST>", r"(?P<host>[\d.:a-f]+)"))
    url = f"https://localhost:{public.port}"
    forged = "2026-01-01 00:00:00,000 WARNING musicgen_api.apis.access (request 1): Refused 9.9.9.9 (wrong API key):"
    for path, headers in [(f"/x%0a{forged}", {"xi-api-key": "wrong"}), ("/api/models", {})]:
        answer = requests.get(url + path, headers=headers, verify=str(public.certificate), timeout=30)
        assert answer.status_code == 401
    hosts = [match["host"] for line in public.server.log.splitlines() if (match := pattern.match(line))]
    assert hosts == ["127.0.0.1"]
