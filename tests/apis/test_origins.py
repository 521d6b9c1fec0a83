"""A web page of another origin makes no music here, whatever it sends; listed pages and programs do."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.helpers.fakes import service
from tests.helpers.routes import VALID

PAGE = "https://elsewhere.example"
FOREIGN = [
    {"Origin": PAGE},
    {"Origin": "null"},
    {"Origin": "http://localhost:3000"},
    {"Origin": "http://localhost.elsewhere.example"},
    {"Origin": "http://["},
    {"Origin": ""},
    {"Origin": PAGE, "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:3000"},
    {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
]
OWN = [
    {},
    {"Origin": "http://localhost"},
    {"Origin": "https://LOCALHOST"},  # TLS in a proxy that does not say so
    {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
]


def changing(app: Flask) -> list[tuple[str, str]]:
    """Every route that does something, by its method and path."""
    safe = {"GET", "HEAD", "OPTIONS"}
    return [(method, rule.rule) for rule in app.url_map.iter_rules() for method in sorted(rule.methods - safe)]


@pytest.mark.parametrize("headers", FOREIGN, ids=repr)
@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "multipart/form-data", "application/x-www-form-urlencoded"]
)
def test_a_page_of_another_origin_is_refused_on_every_route_with_every_kind_of_body(
    kind: str, headers: dict[str, str]
) -> None:
    with service() as running:
        routes = changing(running.client.application)
        assert {("POST", "/generate"), ("POST", "/api/music")} <= set(routes)
        for method, path in routes:
            response = running.client.open(path, method=method, data=b"{}", headers=headers, content_type=kind)
            assert response.status_code == 403, path
            assert "MUSICGEN_CORS_ORIGINS" in response.text
        assert running.synthesizer.requests == []


@pytest.mark.parametrize("headers", OWN, ids=repr)
def test_programs_and_the_service_s_own_page_are_served(headers: dict[str, str]) -> None:
    with service() as running:
        for route, body in VALID.items():
            assert running.client.post(route, json=body, headers=headers).status_code == 200


@pytest.mark.parametrize("headers", FOREIGN, ids=repr)
def test_what_changes_nothing_is_answered_and_not_readable_by_the_page(headers: dict[str, str]) -> None:
    with service() as running:
        response = running.client.get("/api/models", headers=headers)
        assert response.status_code == 200
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert not [name for name, _ in response.headers if name.startswith("Access-Control-")]


def test_behind_a_proxy_the_service_s_own_name_is_the_one_that_the_proxy_says() -> None:
    headers = {"X-Forwarded-Host": "music.example.org", "Host": "internal:8000"}
    with service(proxy_hops=1) as running:
        for origin, status in [("https://music.example.org", 200), ("http://internal:8000", 403)]:
            response = running.client.post("/generate", json=VALID["/generate"], headers=headers | {"Origin": origin})
            assert response.status_code == status


def test_a_listed_page_is_served_and_may_read_what_it_needs() -> None:
    with service(cors_origins=f"{PAGE.upper()}:443, http://localhost:3000") as running:
        for headers in [{"Origin": PAGE}, {"Origin": PAGE, "Sec-Fetch-Site": "cross-site"}]:
            response = running.client.post("/generate", json=VALID["/generate"], headers=headers)
            assert response.status_code == 200
            assert response.headers["Access-Control-Allow-Origin"] == PAGE
            exposed = response.headers["Access-Control-Expose-Headers"].split(", ")
            assert {"Retry-After", "Content-Disposition", "X-MusicGen-Seed"} <= set(exposed)
            assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        refusal = running.client.post("/generate", json={}, headers={"Origin": PAGE})
        assert (refusal.status_code, refusal.headers["Access-Control-Allow-Origin"]) == (422, PAGE)
        for origin in ["https://other.example", PAGE + ":8443", "http://elsewhere.example"]:
            response = running.client.post("/generate", json=VALID["/generate"], headers={"Origin": origin})
            assert response.status_code == 403
            assert "Access-Control-Allow-Origin" not in response.headers
        assert "Origin" in running.client.get("/api/models").headers["Vary"]  # or a cache would mix the two up


@pytest.mark.parametrize("setting", [PAGE, "*"])
def test_a_preflight_is_answered_without_a_key_and_allows_what_the_client_s_library_sends(setting: str) -> None:
    asked = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-stainless-lang",
    }
    with service(cors_origins=setting, api_keys="anne:0123456789abcdef") as running:
        for _, path in changing(running.client.application):
            response = running.client.options(path, headers=asked)
            assert response.status_code == 200
            assert response.headers["Access-Control-Allow-Origin"] == setting
            assert "POST" in response.headers["Access-Control-Allow-Methods"]
            assert response.headers["Access-Control-Allow-Headers"] == asked["Access-Control-Request-Headers"]
        refused = running.client.post("/generate", json=VALID["/generate"], headers={"Origin": PAGE})
        assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, setting)


def test_by_default_a_preflight_allows_nothing() -> None:
    with service() as running:
        response = running.client.options(
            "/generate", headers={"Origin": PAGE, "Access-Control-Request-Method": "POST"}
        )
        assert not [name for name, _ in response.headers if name.startswith("Access-Control-")]
