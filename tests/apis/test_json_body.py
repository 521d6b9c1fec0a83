"""Bodies that are no JSON, too large, or of another kind, on both routes: the client's error, never the server's."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen_api.settings import Settings
from tests.helpers.fakes import Service, service
from tests.helpers.routes import INVALID_STATUS, VALID, assert_error, assert_music, post

SETTINGS = Settings()


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with service() as running:
        yield running


@pytest.mark.parametrize("route", VALID)
def test_any_bytes_are_music_or_the_client_s_error(running: Service, route: str) -> None:
    @given(st.binary(max_size=200))
    def check(body: bytes) -> None:
        response = post(running, route, body)
        assert response.status_code in (400, INVALID_STATUS[route])
        assert {"error", "code"} <= set(response.get_json())

    check()


@pytest.mark.parametrize("route", VALID)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"description": "piano",}',
        b"{'description': 'piano'}",
        b'{"duration": NaN}',
        b'{"duration": Infinity}',
        b'{"duration": -Infinity}',
        b'{"duration": 0x1E}',
        b'{"duration": ' + b"9" * 5000 + b"}",
        b'{"prompt": "\xff"}',
        b'{"prompt": "a\nb"}',
        b"[" * 30_000 + b"]" * 30_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        "{}".encode("utf-16-le")[:-1],
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_not_json_is_400_on_both_routes(running: Service, route: str, body: bytes) -> None:
    assert_error(post(running, route, body), 400, "not_json")


@pytest.mark.parametrize("route", VALID)
@pytest.mark.parametrize("body", ["null", "true", "1", "1e400", '"piano"', "[]", '[{"prompt": "piano"}]'])
def test_json_that_is_no_object_is_400_on_both_routes(running: Service, route: str, body: str) -> None:
    error = assert_error(post(running, route, body), 400, "not_json")
    assert error["error"] == "The body must be a JSON object."


@pytest.mark.parametrize("depth", [10, 300, 900, 950, 990])
@pytest.mark.parametrize("route", VALID)
def test_deep_nesting_in_a_field_is_the_client_s_error(running: Service, route: str, depth: int) -> None:
    nested = "[" * depth + "]" * depth
    response = post(running, route, f'{{"duration": {nested}, "{"x" * 3}": {nested}}}')
    assert response.status_code in (400, INVALID_STATUS[route])
    assert response.get_json()["code"] in ("not_json", "invalid_fields")


@pytest.mark.parametrize("route", [*VALID, "/v1/audio/speech", "/v1/music/detailed"])
def test_nesting_has_a_limit_of_its_own_so_that_whatever_is_read_can_be_walked_through(
    running: Service, route: str
) -> None:
    for depth in (60, 65, 200, *range(960, 1000, 3)):
        nested = "[" * depth + "]" * depth
        response = running.client.post(route, data=f'{{"x": {nested}}}', content_type="application/json")
        assert response.status_code in (400, 422)
        assert ("nested too deeply" in response.text) == (depth > 63), depth


@pytest.mark.parametrize("route", VALID)
@pytest.mark.parametrize("name", ["model", "seed", "data:x", "sections"])
def test_text_may_not_be_large_for_looking_like_a_file(running: Service, route: str, name: str) -> None:
    long = "data:" + "x" * 70_000
    for value in (long, [{"description": long}]):
        assert_error(post(running, route, json.dumps({name: value})), 413, "request_entity_too_large")
    assert_error(post(running, route, json.dumps({long: 1})), 413, "request_entity_too_large")
    assert_error(post(running, route, "[" + '"data:",' * 10_000 + "1]"), 413, "request_entity_too_large")


@pytest.mark.parametrize("route", VALID)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_encoding_of_unicode_that_json_has_had_is_read(running: Service, route: str, encoding: str) -> None:
    text = "电子音乐，带有强烈的鼓点"
    field = "prompt" if route == "/generate" else "description"
    body = json.dumps(VALID[route] | {field: text}, ensure_ascii=False).encode(encoding)
    assert_music(running, post(running, route, body))
    assert running.synthesizer.requests[-1].description == text


@pytest.mark.parametrize("route", VALID)
@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data", "x"],
)
def test_another_content_type_is_refused_by_each_route_in_its_own_way(
    running: Service, route: str, content_type: str | None
) -> None:
    response = post(running, route, json.dumps(VALID[route]), content_type)
    error = assert_error(response, {"/generate": 415, "/api/music": 400}[route], "unsupported_media_type")
    assert "application/json" in error["error"]


@pytest.mark.parametrize("route", VALID)
@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/vnd.music+json"],
)
def test_every_way_to_say_json_is_understood(running: Service, route: str, content_type: str) -> None:
    assert_music(running, post(running, route, json.dumps(VALID[route]), content_type))


@pytest.mark.parametrize("route", VALID)
@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
@pytest.mark.parametrize("coding", ["br", "gzip", "gzip, identity"])
def test_a_compressed_body_is_415_whatever_it_holds(
    running: Service, route: str, content_type: str, coding: str
) -> None:
    headers = {"Content-Encoding": coding}
    response = running.client.post(route, json=VALID[route], headers=headers, content_type=content_type)
    assert "Content-Encoding" in assert_error(response, 415, "unsupported_media_type")["error"]


@pytest.mark.parametrize("route", VALID)
@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_a_body_over_the_limit_is_413_and_one_at_the_limit_is_read(
    running: Service, route: str, content_type: str
) -> None:
    body = json.dumps(VALID[route])
    limit = SETTINGS.max_body_bytes
    assert_error(post(running, route, body.ljust(limit + 1), content_type), 413, "request_entity_too_large")
    if content_type == "application/json":
        assert_music(running, post(running, route, body.ljust(limit)))


@pytest.mark.parametrize("route", VALID)
def test_a_body_of_unknown_length_over_the_limit_is_413_too(running: Service, route: str) -> None:
    response = running.client.post(
        route,
        data=json.dumps(VALID[route]).ljust(SETTINGS.max_body_bytes + 1),
        content_type="application/json",
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},  # gunicorn decodes the chunks
    )
    assert_error(response, 413, "request_entity_too_large")
