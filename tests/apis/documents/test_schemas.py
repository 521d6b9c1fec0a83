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

from musicgen_api.apis.documents.schemas import MAX_SEED, defaults, generate_schema, load_request, music_schema
from musicgen_api.domain.request import Section
from musicgen_api.models.catalog import Catalog
from musicgen_api.settings import Settings
from tests.helpers.fakes import Service, service
from tests.helpers.routes import INVALID_STATUS, VALID, assert_error, assert_music, post

SETTINGS = Settings()
CATALOG = Catalog(SETTINGS)
CHARACTERS = st.characters(codec=None, exclude_categories=())  # lone surrogates too
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(CHARACTERS),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(CHARACTERS), values, max_size=3),
    max_leaves=5,
)
LIMITS = [-30, -5, -0.0, 0, 1, 1.0, 30.0, 100, -100, 300, MAX_SEED]
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
    "format": lambda value: value in ["wav", "flac", "mp3", "opus", "aac", "pcm"],
    "loudness": lambda value: is_number(value) and -30 <= value <= -5,
    "recipe": lambda value: isinstance(value, bool),
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
FIELDS = [(route, field) for route, rules in RULES.items() for field in rules]


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with service() as running:
        yield running


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


@pytest.mark.parametrize(("route", "field"), [(route, field) for route, field in FIELDS if field not in VALID[route]])
def test_null_is_refused_with_the_advice_to_leave_the_field_out(running: Service, route: str, field: str) -> None:
    response = post(running, route, json.dumps(VALID[route] | {field: None}))
    (reason,) = assert_error(response, INVALID_STATUS[route], "invalid_fields")["fields"][field]
    assert "null" in reason
    assert "leave the field out" in reason


@pytest.mark.parametrize(("route", "field"), [(route, field) for route in VALID for field in VALID[route]])
def test_null_for_a_field_that_is_required_is_refused_without_that_advice(
    running: Service, route: str, field: str
) -> None:
    response = post(running, route, json.dumps(VALID[route] | {field: None}))
    assert assert_error(response, INVALID_STATUS[route], "invalid_fields")["fields"] == {
        field: ["Field may not be null."]
    }


THE_FILE = {"loop": False, "fade_in": 0.0, "fade_out": 0.0, "recipe": True}


def test_the_defaults_are_those_of_the_documents() -> None:
    assert defaults(music_schema(SETTINGS)) == {
        "duration": 30,
        "mbd": False,
        "top_k": 250,
        "top_p": 0.0,
        "temperature": 1.0,
        "cfg_coef": 3.0,
        "takes": 1,
        "live": False,
        **THE_FILE,
        "model": "bundled/musicgen-tiny",
    }
    assert defaults(generate_schema(SETTINGS)) == {"duration": 30, **THE_FILE}


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
    assert load_request(music_schema(Settings(max_duration_s=5)), dict(VALID["/api/music"]), CATALOG).duration == 5


def test_a_seed_that_is_left_out_is_drawn_anew_and_one_that_is_sent_is_kept() -> None:
    drawn = {load_request(music_schema(SETTINGS), dict(VALID["/api/music"]), CATALOG).seed for _ in range(20)}
    assert len(drawn) > 15
    assert all(0 <= seed <= MAX_SEED for seed in drawn)
    assert load_request(music_schema(SETTINGS), VALID["/api/music"] | {"seed": MAX_SEED}, CATALOG).seed == MAX_SEED


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
    added = {"takes": 1, "sections": (), "live": False, "loudness": None, "format": None, **THE_FILE}
    added |= {"continuation": None, "melody": None, "description_used": None}
    assert vars(request) == sent | {"model": "facebook/musicgen-stereo-small"} | added
    types = {name: type(value) for name, value in vars(request).items() if name not in added}
    assert list(types.values()) == [str, str, int, int, bool, int, float, float, float]


@pytest.mark.parametrize("route", RULES)
@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"fade_in": -0.1}, {"fade_in"}),
        ({"fade_out": "1"}, {"fade_out"}),
        ({"fade_in": True, "fade_out": None}, {"fade_in", "fade_out"}),
        ({"fade_in": 301}, {"fade_in"}),
        ({"fade_out": 30.1}, {"fade_out"}),
        ({"duration": 5, "fade_in": 2, "fade_out": 3.5}, {"fade_in", "fade_out"}),
        ({"format": "ulaw"}, {"format"}),
        ({"format": "WAV"}, {"format"}),
        ({"loudness": 0}, {"loudness"}),
        ({"loop": "true"}, {"loop"}),
        ({"loop": True, "fade_in": 1}, {"fade_in"}),
        ({"loop": True, "fade_in": 1, "fade_out": 1}, {"fade_in", "fade_out"}),
        ({"continuation_start": 1}, {"continuation_start"}),
        ({"continuation_end": 1, "continuation_start": 0}, {"continuation_start", "continuation_end"}),
        ({"continuation": "http://127.0.0.1/music.wav"}, {"continuation"}),
        ({"continuation": "data:audio/wav;base64,====="}, {"continuation"}),
        ({"continuation": "data:audio/wav,RIFF"}, {"continuation"}),
        ({"continuation": 1}, {"continuation"}),
    ],
)
def test_how_the_file_is_made_is_checked_by_name(
    running: Service, route: str, body: dict[str, Any], wrong: set[str]
) -> None:
    response = post(running, route, json.dumps(VALID[route] | body))
    assert set(assert_error(response, INVALID_STATUS[route], "invalid_fields")["fields"]) == wrong


def test_fades_may_take_the_whole_piece_also_one_made_of_sections() -> None:
    body = {"sections": TWO_SECTIONS, "fade_in": 2, "fade_out": 3.0}
    request = load_request(music_schema(SETTINGS), body, CATALOG)
    assert (request.fade_in, request.fade_out) == (2.0, 3.0)


TWO_SECTIONS = [{"description": "calm piano", "duration": 3}, {"description": "fast techno", "duration": 2}]


def test_sections_say_how_long_the_piece_is_and_what_each_part_is_like() -> None:
    request = load_request(music_schema(SETTINGS), {"sections": TWO_SECTIONS, "takes": 2, "seed": MAX_SEED}, CATALOG)
    assert request.duration == 5
    assert request.parts == (Section("calm piano", 3), Section("fast techno", 2))
    assert request.seeds == (MAX_SEED, 0)
    assert load_request(music_schema(SETTINGS), VALID["/api/music"], CATALOG).parts[0].duration == 30


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"sections": TWO_SECTIONS, "duration": 5}, "duration"),
        ({"sections": TWO_SECTIONS, "description": "piano"}, "description"),
        ({"sections": TWO_SECTIONS, "description_used": "piano"}, "description_used"),
        ({"sections": []}, "sections"),
        ({"sections": "calm piano"}, "sections"),
        ({"sections": [7]}, "sections"),
        ({"sections": TWO_SECTIONS * 11}, "sections"),
        ({"sections": [{"description": "piano", "duration": 200}] * 2}, "sections"),
        ({"sections": [{"description": "piano"}]}, "sections"),
        ({"sections": [{"description": " ", "duration": 1}]}, "sections"),
        ({"sections": [{"description": "piano", "duration": 1, "key": "C"}]}, "sections"),
        ({"sections": None}, "sections"),
        ({"description": "piano", "takes": 9}, "takes"),
        ({"description": "piano", "takes": 0}, "takes"),
        ({"description": "piano", "takes": "2"}, "takes"),
        ({"description": "piano", "live": 1}, "live"),
        ({"description": "piano", "live": True, "takes": 2}, "live"),
        ({"description": "piano", "live": True, "mbd": True}, "live"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused_by_name(running: Service, body: dict[str, Any], field: str) -> None:
    response = post(running, "/api/music", json.dumps(body))
    assert set(assert_error(response, 400, "invalid_fields")["fields"]) == {field}


@pytest.mark.parametrize("field", ["takes", "sections", "live"])
def test_the_generate_document_s_route_does_not_know_them(running: Service, field: str) -> None:
    response = post(running, "/generate", json.dumps(VALID["/generate"] | {field: 1}))
    assert assert_error(response, 422, "invalid_fields")["fields"] == {field: ["Unknown field."]}
