"""With keys, nothing that makes music or reads data is served without one; by default nobody needs one."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from flask import Flask

from musicgen_api.apis.access import OPEN
from tests.helpers.fakes import Service, service
from tests.helpers.routes import VALID

KEY = "anne-0123456789abcdef"
WRONG = "anne-0123456789abcdeX"


@pytest.fixture
def running() -> Iterator[Service]:
    with service(api_keys=f"anne:{KEY}") as running:
        yield running


def guarded(app: Flask) -> list[tuple[str, str]]:
    """Every route that needs a key, by its method and path."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint not in OPEN]
    return [(method, rule.rule) for rule in rules for method in sorted(rule.methods - {"OPTIONS"})]


@pytest.mark.parametrize(
    "headers",
    [
        *({}, {"Authorization": f"Bearer {WRONG}"}, {"xi-api-key": WRONG}, {"Authorization": KEY}, {"xi-api-key": ""}),
        *({"Authorization": f"Basic {KEY}"}, {"Authorization": "Bearer"}, {"Authorization": "Bearer ключ".encode()}),
    ],
    ids=repr,
)
def test_without_a_right_key_every_other_route_is_401(running: Service, headers: dict[str, str]) -> None:
    routes = guarded(running.client.application)
    assert {("POST", "/generate"), ("POST", "/api/music"), ("GET", "/api/models")} <= set(routes)
    for method, path in [*routes, ("GET", "/nowhere"), ("POST", "/generate/")]:
        response = running.client.open(path, method=method, headers=headers)
        assert response.status_code == 401, path
        assert response.headers["WWW-Authenticate"].startswith("Bearer ")
        if method != "HEAD":
            assert "API key" in response.text
    assert running.synthesizer.requests == []


@pytest.mark.parametrize(
    "headers",
    [
        *({"Authorization": f"Bearer {KEY}"}, {"authorization": f"bearer  {KEY} "}, {"xi-api-key": KEY}),
        {"Authorization": "Bearer another-service-s", "xi-api-key": KEY},
    ],
    ids=repr,
)
def test_either_header_carries_a_key(running: Service, headers: dict[str, str]) -> None:
    for route, body in VALID.items():
        assert running.client.post(route, json=body, headers=headers).data
    assert len(running.synthesizer.requests) == len(VALID)
    assert running.client.get("/nowhere", headers=headers).status_code == 404


def test_probes_the_page_and_the_description_need_none(running: Service) -> None:
    for path in ["/", "/static/main.js", "/livez", "/readyz", "/api/healthcheck", "/openapi.json"]:
        response = running.client.get(path)
        assert response.status_code == 200, path
        response.close()
    described = running.client.get("/openapi.json").get_json()
    assert "401" in described["paths"]["/generate"]["post"]["responses"]
    assert "401" not in described["paths"]["/livez"]["get"]["responses"]


def test_the_log_says_who_failed_and_never_with_what(running: Service, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        running.client.post("/generate", json=VALID["/generate"], headers={"xi-api-key": WRONG})
        running.client.post("/generate", json=VALID["/generate"], headers={"xi-api-key": KEY})
    assert "Refused POST /generate from 127.0.0.1: wrong API key" in caplog.text
    assert WRONG not in caplog.text
    assert KEY not in caplog.text


def test_by_default_nobody_needs_a_key_and_whatever_is_sent_as_one_is_ignored() -> None:
    with service() as running:
        response = running.client.get("/api/models", headers={"Authorization": "Bearer sk-anything"})
        assert response.status_code == 200
        assert "components" in (described := running.client.get("/openapi.json").get_json())
        assert "securitySchemes" not in described["components"]
