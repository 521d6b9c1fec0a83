"""A page whose name is made to resolve to this machine gets nothing; those who mean the service get everything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from musicgen_api.hosts import reaches_this_machine_only
from tests.helpers.fakes import Service, service

OWN = [
    *("localhost", "localhost:8000", "LocalHost", "localhost.", "localhost.:8000", "localhost:"),
    *("127.0.0.1", "127.0.0.1:8000", "127.8.9.10", "127.0.0.1.", "[::1]", "[::1]:8000", "[::ffff:127.0.0.1]:8000"),
]
FOREIGN = [
    *("rebound.example", "rebound.example:8000", "localhost.rebound.example", "localhost.example", "xlocalhost"),
    *("127.0.0.1.rebound.example", "192.168.1.5", "0.0.0.0", "[::2]:8000", "[fe80::1]", "2130706433"),
    *("localhost:80:80", "localhost@rebound.example", "rebound.example, localhost", "[localhost", "::1", ".", ":8000"),
]


def ask(named: str | None, /, *, headers: dict[str, str] | None = None, **settings: Any) -> int:
    with service(**settings) as running:
        return get(running, named, "/api/models", headers)[0]


def get(running: Service, host: str | None, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """GET with exactly this Host, or none: status and body."""
    environ = EnvironBuilder(path=path, headers=headers).get_environ() | {"HTTP_HOST": host}
    if host is None:
        del environ["HTTP_HOST"]
    chunks, status, _ = run_wsgi_app(running.client.application, environ, buffered=True)
    return int(status.split()[0]), b"".join(chunks)


@pytest.mark.parametrize("host", OWN)
def test_on_loopback_it_answers_to_localhost_and_loopback_addresses_in_every_spelling(host: str) -> None:
    assert ask(host) == 200


@pytest.mark.parametrize("host", FOREIGN)
def test_on_loopback_it_answers_to_no_other_name(host: str) -> None:
    assert ask(host) == 421


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/api/healthcheck", "/livez", "/openapi.json", "/nowhere"])
def test_a_refusal_has_the_service_s_shape_names_the_setting_and_gives_nothing_away(path: str) -> None:
    with service() as running:
        status, text = get(running, "rebound.example:8000", path)
    body = json.loads(text)
    assert (status, body["code"]) == (421, "misdirected_request")
    assert set(body) == {"error", "code"}
    assert "rebound.example:8000" in body["error"]
    assert "MUSICGEN_HOSTS" in body["error"]


def test_a_rebound_page_generates_nothing() -> None:
    with service() as running:
        for path, body in [
            ("/generate", {"model": "facebook/musicgen-small", "prompt": "piano"}),
            ("/api/music", {"description": "piano"}),
        ]:
            response = running.client.post(path, json=body, headers={"Host": "rebound.example"})
            assert response.status_code == 421
        assert running.synthesizer.requests == []


def test_without_a_host_as_http_1_0_allows_it_answers() -> None:
    assert ask(None) == 200
    assert ask("") == 200


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "Forwarded", "X-Host", "X-Original-Host"])
def test_what_a_page_may_say_itself_does_not_count(header: str) -> None:
    assert ask("rebound.example", headers={header: "localhost"}) == 421
    assert ask("localhost", headers={header: "rebound.example"}) == 200


@pytest.mark.parametrize("host", ["music.example.org", "MUSIC.example.org.:443", "localhost", "127.0.0.1:8000"])
def test_the_setting_adds_names(host: str) -> None:
    assert ask(host, hosts="music.example.org") == 200
    assert ask("rebound.example", hosts="music.example.org") == 421


@pytest.mark.parametrize("settings", [{"host": "0.0.0.0"}, {"host": "::"}, {"proxy_hops": 1}], ids=str)
@pytest.mark.parametrize("host", ["rebound.example", "10.0.0.7:8000", "localhost", "anything@all"])
def test_on_an_open_address_and_behind_a_proxy_nothing_is_refused_by_default(
    host: str, settings: dict[str, Any]
) -> None:
    assert ask(host, **settings) == 200


@pytest.mark.parametrize("settings", [{"host": "0.0.0.0"}, {"proxy_hops": 1}], ids=str)
def test_there_the_setting_is_kept_to_as_well_and_addresses_are_believed(settings: dict[str, Any]) -> None:
    settings = settings | {"hosts": "music.example.org"}
    assert ask("rebound.example", **settings) == 421
    assert ask("music.example.org", **settings) == 200
    assert ask("10.0.0.7:8000", **settings) == 200  # a health check; no name resolves into an address in the header


def test_behind_a_proxy_the_name_is_the_one_that_the_proxy_says() -> None:
    settings = {"proxy_hops": 1, "hosts": "music.example.org"}
    assert ask("internal", headers={"X-Forwarded-Host": "music.example.org"}, **settings) == 200
    assert ask("music.example.org", headers={"X-Forwarded-Host": "rebound.example"}, **settings) == 421
    assert ask("internal", headers={"X-Forwarded-Host": "music.example.org, rebound.example"}, **settings) == 421


@pytest.mark.parametrize(
    ("host", "local"),
    [
        *((host, True) for host in ["127.0.0.1", "127.1.2.3", "::1", "localhost"]),
        *((host, False) for host in ["0.0.0.0", "::", "192.0.2.7", "no-such-name.invalid", ""]),
    ],
)
def test_which_addresses_are_this_machine_s_alone(host: str, local: bool) -> None:
    assert reaches_this_machine_only(host) is local
