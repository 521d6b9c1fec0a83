"""Whatever a client sends, on both routes: the status is right, the reasons are by name, and it is never a 5xx."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from musicgen_api.schemas import MAX_SEED, defaults, generate_schema, load_request, music_schema
from musicgen_api.settings import Settings
from musicgen_api.synthesis.catalog import Catalog
from tests.fakes import Service, service

SETTINGS = Settings()
CATALOG = Catalog(SETTINGS)
GENERATE = {"model": "facebook/musicgen-small", "prompt": "slow sad piano"}
MUSIC = {"description": "slow sad piano"}

CHARACTERS = st.characters(codec=None, exclude_categories=())  # lone surrogates too
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(CHARACTERS),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(CHARACTERS), values, max_size=3),
    max_leaves=5,
)
LIMITS = [-0.0, 0, 1, 1.0, 30.0, 100, -100, 300, MAX_SEED]
BEYOND_THEM = [0.5, 1.5, 30.5, 100.00001, -101, 301, MAX_SEED + 1, 1e-320, 1e300, 10**400, -(10**400)]
NO_NUMBERS = [math.nan, math.inf, -math.inf, True, False, "1", "30", "false", None, [], {}, [1]]
BLANK = ["", " \t\n", "\u200b\u200d\ufeff", "\u3000", "\x00"]
TEXTS = ["\U0001f3b9", "\ud83d", "piano\udc00", "p" * 2000, "p" * 2001, "音" * 2000]
MODELS = ["facebook/musicgen-small-stereo", "facebook/musicgen-nowhere", "../../etc/passwd"]
VALUES = (
    st.sampled_from([*LIMITS, *BEYOND_THEM, *NO_NUMBERS]) | st.sampled_from([*BLANK, *TEXTS, *MODELS]) | JSON_VALUES
)


def is_number(value: object) -> bool:
    """A JSON number that a double holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 2**1024 and not math.isnan(value)


def is_integer(value: object) -> bool:
    return not isinstance(value, bool) and (
        isinstance(value, int) or (isinstance(value, float) and math.isfinite(value) and value.is_integer())
    )


def is_text(value: object) -> bool:
    """Something to read, and no half of a surrogate pair."""
    if not isinstance(value, str):
        return False
    categories = {unicodedata.category(character) for character in value}
    return "Cs" not in categories and any(category[0] not in "CZ" for category in categories)


def is_prompt(value: object) -> bool:
    return is_text(value) and len(value) <= 2000


def is_model(value: object) -> bool:
    ids = {entry.id for entry in CATALOG}
    stereo = {f"facebook/musicgen-{size}-stereo" for size in ["small", "medium", "large", "melody", "melody-large"]}
    return isinstance(value, str) and value in ids | stereo


SHARED: dict[str, Callable[[Any], bool]] = {
    "duration": lambda value: is_integer(value) and 1 <= value <= 300,
    "seed": lambda value: is_integer(value) and 0 <= value < 2**53,
    "model": is_model,
}
RULES: dict[str, dict[str, Callable[[Any], bool]]] = {
    "/generate": SHARED | {"prompt": is_prompt},
    "/api/music": SHARED
    | {
        "description": is_prompt,
        "mbd": lambda value: isinstance(value, bool),
        "top_k": lambda value: is_integer(value) and value >= 1,
        "top_p": lambda value: is_number(value) and 0 <= value <= 1,
        "temperature": lambda value: is_number(value) and value > 0,
        "cfg_coef": lambda value: is_number(value) and abs(value) <= 100,
    },
}
VALID = {"/generate": GENERATE, "/api/music": MUSIC}
INVALID_STATUS = {"/generate": 422, "/api/music": 400}
FIELDS = [(route, field) for route, rules in RULES.items() for field in rules]


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with service() as running:
        yield running


def post(
    running: Service, route: str, body: bytes | str, content_type: str | None = "application/json"
) -> TestResponse:
    """Send `body` and read the answer to its end, so that the service is free again."""
    response = running.client.post(route, data=body, content_type=content_type)
    assert response.data
    return response


def assert_music(running: Service, response: TestResponse) -> None:
    assert response.status_code == 200, response.text
    if response.mimetype == "text/event-stream":
        assert b'"status": "completed"' in response.data
    else:
        assert response.data.startswith(b"RIFF")


def assert_error(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    assert response.mimetype == "application/json"
    body = response.get_json()
    assert (response.status_code, body["code"]) == (status, code)
    assert body["error"].endswith(".")
    assert set(body) == {"error", "code"} | ({"fields"} if code in ("invalid_fields", "unknown_model") else set())
    return body


def hold_to_the_rules(running: Service, route: str, body: dict[str, Any]) -> None:
    """Send `body`; the answer is music if all is well, else names exactly the fields that are not."""
    text = json.dumps(body)
    body = json.loads(text)  # two halves of a surrogate pair have become one character
    response = post(running, route, text)
    if contains_a_constant_that_json_lacks(body):
        assert_error(response, 400, "not_json")
        return
    wrong = {field for field, value in body.items() if not RULES[route].get(field, lambda value: False)(value)}
    wrong |= set(VALID[route]) - set(body)
    if not wrong:
        assert_music(running, response)
        return
    if wrong == {"model"} and is_text(body.get("model")):
        assert set(assert_error(response, INVALID_STATUS[route], "unknown_model")["fields"]) == wrong
        return
    fields = assert_error(response, INVALID_STATUS[route], "invalid_fields")["fields"]
    unchecked = {"model"} if is_text(body.get("model")) else set()  # looked up only when all else is well
    assert set(fields) == wrong - unchecked
    assert all(reasons and all(reason.endswith(".") for reason in reasons) for reasons in fields.values())


def contains_a_constant_that_json_lacks(value: object) -> bool:
    """Is there NaN or Infinity, which Python writes and JSON does not know?"""
    if isinstance(value, dict):
        return any(map(contains_a_constant_that_json_lacks, value.values()))
    if isinstance(value, list):
        return any(map(contains_a_constant_that_json_lacks, value))
    return isinstance(value, float) and not math.isfinite(value)


@pytest.mark.parametrize(("route", "field"), FIELDS)
def test_any_value_of_a_field_is_taken_or_refused_by_name(running: Service, route: str, field: str) -> None:
    @given(VALUES)
    def check(value: object) -> None:
        hold_to_the_rules(running, route, VALID[route] | {field: value})

    check()


@pytest.mark.parametrize("route", RULES)
def test_any_body_is_taken_or_refused_field_by_field(running: Service, route: str) -> None:
    names = st.sampled_from(list(RULES["/generate"] | RULES["/api/music"])) | st.text(CHARACTERS, max_size=8)

    @given(st.dictionaries(names, VALUES, max_size=6))
    @example({})
    @example(VALID["/generate"])
    @example(VALID["/api/music"])
    def check(body: dict[str, Any]) -> None:
        hold_to_the_rules(running, route, body)

    check()


@pytest.mark.parametrize("route", RULES)
def test_any_bytes_are_music_or_the_client_s_error(running: Service, route: str) -> None:
    @given(st.binary(max_size=200))
    def check(body: bytes) -> None:
        response = post(running, route, body)
        assert response.status_code in (400, INVALID_STATUS[route])
        assert {"error", "code"} <= set(response.get_json())

    check()


@pytest.mark.parametrize("route", RULES)
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


@pytest.mark.parametrize("route", RULES)
@pytest.mark.parametrize("body", ["null", "true", "1", "1e400", '"piano"', "[]", '[{"prompt": "piano"}]'])
def test_json_that_is_no_object_is_400_on_both_routes(running: Service, route: str, body: str) -> None:
    error = assert_error(post(running, route, body), 400, "not_json")
    assert error["error"] == "The body must be a JSON object."


@pytest.mark.parametrize("route", RULES)
@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" + "0" * 4000, "1e-400", "123456789012345678901234567890.5"])
@pytest.mark.parametrize("field", ["duration", "seed"])
def test_a_number_of_any_size_is_only_out_of_range(running: Service, route: str, field: str, number: str) -> None:
    body = json.dumps(VALID[route] | {field: "#"}).replace('"#"', number)
    response = post(running, route, body)
    if number == "1e-400" and field == "seed":  # which is zero to whoever reads doubles
        assert_music(running, response)
    else:
        fields = assert_error(response, INVALID_STATUS[route], "invalid_fields")["fields"]
        assert set(fields) == {field}


@pytest.mark.parametrize("depth", [10, 300, 900, 950, 990])
@pytest.mark.parametrize("route", RULES)
def test_deep_nesting_in_a_field_is_the_client_s_error(running: Service, route: str, depth: int) -> None:
    nested = "[" * depth + "]" * depth
    response = post(running, route, f'{{"duration": {nested}, "{"x" * 3}": {nested}}}')
    assert response.status_code in (400, INVALID_STATUS[route])
    assert response.get_json()["code"] in ("not_json", "invalid_fields")


@pytest.mark.parametrize("route", RULES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_encoding_of_unicode_that_json_has_had_is_read(running: Service, route: str, encoding: str) -> None:
    text = "电子音乐，带有强烈的鼓点"
    field = "prompt" if route == "/generate" else "description"
    body = json.dumps(VALID[route] | {field: text}, ensure_ascii=False).encode(encoding)
    assert_music(running, post(running, route, body))
    assert running.synthesizer.requests[-1].description == text


@pytest.mark.parametrize("route", RULES)
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


@pytest.mark.parametrize("route", RULES)
@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/vnd.music+json"],
)
def test_every_way_to_say_json_is_understood(running: Service, route: str, content_type: str) -> None:
    assert_music(running, post(running, route, json.dumps(VALID[route]), content_type))


@pytest.mark.parametrize("route", RULES)
@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_a_body_over_the_limit_is_413_and_one_at_the_limit_is_read(
    running: Service, route: str, content_type: str
) -> None:
    body = json.dumps(VALID[route])
    limit = SETTINGS.max_body_bytes
    assert_error(post(running, route, body.ljust(limit + 1), content_type), 413, "request_entity_too_large")
    if content_type == "application/json":
        assert_music(running, post(running, route, body.ljust(limit)))


@pytest.mark.parametrize("route", RULES)
def test_a_body_of_unknown_length_over_the_limit_is_413_too(running: Service, route: str) -> None:
    response = running.client.post(
        route,
        data=json.dumps(VALID[route]).ljust(SETTINGS.max_body_bytes + 1),
        content_type="application/json",
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},  # gunicorn decodes the chunks
    )
    assert_error(response, 413, "request_entity_too_large")


@pytest.mark.parametrize("route", RULES)
def test_each_route_knows_the_fields_of_its_own_document_only(running: Service, route: str) -> None:
    others = {"/generate": {"description": "x", "mbd": True, "top_k": 1}, "/api/music": {"prompt": "x"}}[route]
    response = post(running, route, json.dumps(VALID[route] | others | {"Duration": 3}))
    fields = assert_error(response, INVALID_STATUS[route], "invalid_fields")["fields"]
    assert fields == {field: ["Unknown field."] for field in [*others, "Duration"]}


@pytest.mark.parametrize(
    ("route", "field"), [("/generate", "model"), ("/generate", "prompt"), ("/api/music", "description")]
)
def test_a_missing_field_is_named(running: Service, route: str, field: str) -> None:
    body = {name: value for name, value in VALID[route].items() if name != field}
    error = assert_error(post(running, route, json.dumps(body)), INVALID_STATUS[route], "invalid_fields")
    assert set(error["fields"]) == {field}
    assert field in error["error"]


def test_the_defaults_are_those_of_the_documents() -> None:
    assert defaults(music_schema(SETTINGS)) == {
        "duration": 30,
        "mbd": False,
        "top_k": 250,
        "top_p": 0.0,
        "temperature": 1.0,
        "cfg_coef": 3.0,
        "model": "bundled/musicgen-tiny",
    }
    assert defaults(generate_schema(SETTINGS)) == {"duration": 30}


def test_the_configured_limits_hold() -> None:
    with service(max_duration_s=5, max_prompt_chars=10, max_body_bytes=1024) as running:
        for body, status in [
            ({"description": "p" * 10, "duration": 5}, 200),
            ({"description": "p" * 11}, 400),
            ({"description": "p", "duration": 6}, 400),
            ({"description": "p" * 1024}, 413),
        ]:
            assert post(running, "/api/music", json.dumps({"duration": 5} | body)).status_code == status


def test_the_default_duration_keeps_to_the_configured_limit() -> None:
    assert load_request(music_schema(Settings(max_duration_s=5)), dict(MUSIC), CATALOG).duration == 5


def test_a_seed_that_is_left_out_is_drawn_anew_and_one_that_is_sent_is_kept() -> None:
    drawn = {load_request(music_schema(SETTINGS), dict(MUSIC), CATALOG).seed for _ in range(20)}
    assert len(drawn) > 15
    assert all(0 <= seed <= MAX_SEED for seed in drawn)
    assert load_request(music_schema(SETTINGS), MUSIC | {"seed": MAX_SEED}, CATALOG).seed == MAX_SEED


def test_the_seven_parameters_reach_the_synthesizer_as_they_were_sent(running: Service) -> None:
    sent = {
        "description": "  slow sad piano ",
        "duration": 7.0,
        "mbd": True,
        "top_k": 10**12,
        "top_p": 1,
        "temperature": 1e-40,
        "cfg_coef": -100,
        "seed": 5,
        "model": "facebook/musicgen-small-stereo",
    }
    post(running, "/api/music", json.dumps(sent))
    request = running.synthesizer.requests[-1]
    assert vars(request) == sent | {"model": "facebook/musicgen-stereo-small"}
    assert [type(value) for value in vars(request).values()] == [str, str, int, int, bool, int, float, float, float]
