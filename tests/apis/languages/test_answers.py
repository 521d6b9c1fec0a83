"""Real refusals of all routes, asked for in each language: no English is left in what a person reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from musicgen_api.apis.languages import CATALOGUES
from musicgen_api.audio.encode import encode
from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.audio.recipe import tags_of
from musicgen_api.domain.recipe import Recipe
from tests.apis.languages.test_catalogues import english_in
from tests.apis.test_error_responses import FAILURES
from tests.apis.test_openapi import CREATE, OURS, PROVOKED, post
from tests.helpers.fakes import MUSIC, Service, service
from tests.helpers.sounds import music, sound_file
from tests.helpers.uploads import data_url, form_of

Ask = Callable[[Service], TestResponse]

SPOKEN = ("error", "message")
"""Members that a person reads; all others are a program's."""
INVENTED = ("Too much.", "Gone.", "No network.", "It is damaged.", "NaN.", "The hub limits how often it is asked.")
"""What the tests' own failures say, which no catalogue knows."""


@pytest.fixture
def running() -> Iterator[Service]:
    with service() as running:
        yield running


def create(**fields: Any) -> Ask:
    return post("/api/music", CREATE | fields)


def form(route: str, parts: dict[str, Any]) -> Ask:
    body, content_type = form_of(parts)
    return lambda running: running.client.post(route, data=body, content_type=content_type)


def text(route: str, body: str, content_type: str = "application/json") -> Ask:
    return lambda running: running.client.post(route, data=body, content_type=content_type)


def plan(*sections: dict[str, Any], **more: Any) -> Ask:
    return post("/v1/music", {"composition_plan": {"sections": list(sections), **more}})


SECTION = {"duration_ms": 3000, "positive_local_styles": ["piano"]}
SOUND = data_url(sound_file(music(1)))
PIECE = MUSIC.takes[0].waveform


def file_with_recipe(request: dict[str, Any]) -> str:
    return data_url(encode(PIECE, 32_000, Encoding(Format.WAV), tags_of(Recipe(request, "1"))))


REFUSED: dict[str, Ask] = {
    "nothing": post("/generate", {}),
    "unknown fields": create(tempo=3, key="C"),
    "unknown fields of strange names": post("/api/music", {"¾Ü; x: y": 1, "": 2, "No. 1": 3, "duration": "4"}),
    "null": create(seed=None),
    "no integer": create(duration="30", seed=0.5),
    "no number": create(top_p="1"),
    "no finite number": text("/api/music", '{"description": "x", "temperature": 1e999}'),
    "no boolean": create(mbd="no"),
    "no text": create(description=3),
    "blank": create(description=" "),
    "half a character": create(description="\ud800"),
    "too low": create(top_k=0),
    "too low, exclusively": create(temperature=0),
    "too high": create(duration=10**6),
    "too long": create(description="x" * 5000),
    "no such model": create(model="nobody/knows"),
    "no such format": create(format="tape"),
    "no list": post("/api/music", {"sections": {}}),
    "no sections": post("/api/music", {"sections": []}),
    "no objects in sections": post("/api/music", {"sections": [1]}),
    "wrong sections": post("/api/music", {"sections": [{"description": 1, "extra": 2}, {"duration": 0}]}),
    "sections and more": create(sections=[{"description": "x", "duration": 2}]),
    "long sections": post("/api/music", {"sections": [{"description": "x", "duration": 200}] * 3}),
    "long fades": create(fade_in=1, fade_out=1),
    "a fading loop": create(loop=True, fade_in=0.5),
    "a live loop": create(loop=True, live=True),
    "live takes": create(takes=2, live=True),
    "live diffusion": create(mbd=True, live=True),
    "nothing to go on from": create(continuation_start=1),
    "no file": create(continuation="music"),
    "no base64": create(continuation="data:audio/wav;base64,?"),
    "an empty file": create(continuation=data_url(b"")),
    "no sound": create(continuation=data_url(b"x" * 100)),
    "a damaged file": create(continuation=data_url(b"fLaC" + b"x" * 100)),
    "silence": create(continuation=data_url(sound_file(music(1) * 0))),
    "beyond the file": create(continuation=SOUND, continuation_end=9),
    "behind its end": create(continuation=SOUND, continuation_start=0.99),
    "no longer than what is kept": create(continuation=SOUND),
    "a melody for another model": create(melody=SOUND),
    "a loop in one go": create(model="facebook/magnet-small-10secs", loop=True, live=True, duration=9),
    "no recipe": post("/api/recipe", {"file": SOUND}),
    "a recipe for others": post("/api/recipe", {"file": file_with_recipe({"description": 1, "duration": "x"})}),
    "a mutilated recipe": post("/api/recipe", {"file": data_url(OURS.replace(b'"version"', b'"vers10n"'))}),
    "no JSON": text("/generate", '{"a": 1,}'),
    "nested JSON": text("/generate", "[" * 20_000),
    "no UTF-8": lambda running: running.client.post("/generate", data=b"\xff", content_type="application/json"),
    "not a number": text("/generate", '{"duration": NaN}'),
    "no object": text("/generate", "[]"),
    "a form without end": text("/generate", "x", "multipart/form-data"),
    "a broken form": text("/generate", "x", "multipart/form-data; boundary=y"),
    "a part twice": form("/generate", {"prompt": ["x", "y"]}),
    "a part that is no object": form("/generate", {"request": "[]"}),
    "nowhere": lambda running: running.client.get("/nowhere"),
    "the wrong method": lambda running: running.client.get("/generate"),
    "no such part of a file": lambda running: running.client.get(
        "/static/main.js", headers={"Range": "bytes=9999999-"}
    ),
    "OpenAI: nothing": post("/v1/audio/music", {}),
    "OpenAI: no integer": post("/v1/audio/speech", {"input": "x", "seed": "1"}),
    "OpenAI: no such model": post("/v1/audio/speech", {"input": "x", "model": "nobody/knows"}),
    "OpenAI: no such way": post("/v1/audio/speech", {"input": "x", "stream_format": "tape"}),
    "ElevenLabs: nothing": post("/v1/music", {}),
    "ElevenLabs: too long": post("/v1/music", {"prompt": "x", "music_length_ms": 10**9}),
    "ElevenLabs: no such format": post("/v1/music?output_format=tape", {"prompt": "x"}),
    "ElevenLabs: no parts": plan(),
    "ElevenLabs: lyrics": plan(SECTION | {"lines": ["la la"]}),
    "ElevenLabs: text": post(
        "/v1/music", {"composition_plan": {"chunks": [{"text": "[verse] la la", "duration_ms": 3000}]}}
    ),
    "ElevenLabs: no style": plan({"duration_ms": 3000}),
    "ElevenLabs: many parts": plan(*[SECTION] * 30),
    "ElevenLabs: a long plan": plan(*[SECTION | {"duration_ms": 120_000}] * 9),
    "ElevenLabs: prompt and plan": post("/v1/music", {"prompt": "x", "composition_plan": {"sections": [SECTION]}}),
}

ALL: dict[str, Ask] = {
    **REFUSED,
    **{name: ask for name, (_, _, ask) in FAILURES.items()},
    **{
        f"{method} {path}: {status}": ask
        for (path, method), answers in PROVOKED.items()
        for status, ask in answers.items()
        if status >= 400
    },
}


@pytest.mark.parametrize("name", ALL)
def test_a_refusal_is_said_in_the_language_that_is_asked_for(
    running: Service, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    english = answer(monkeypatch, running, "en", ALL[name])
    for language in CATALOGUES:
        translated = answer(monkeypatch, running, language, ALL[name])
        assert json.loads(english).keys() == json.loads(translated).keys()
        compare(json.loads(english), json.loads(translated))


def answer(monkeypatch: pytest.MonkeyPatch, running: Service, language: str, ask: Ask) -> str:
    """The answer's JSON, whichever client the test makes."""
    sent = {"HTTP_ACCEPT_LANGUAGE": language}
    make = FlaskClient.__init__

    def make_speaking(client: FlaskClient, *args: Any, **options: Any) -> None:
        make(client, *args, **options)
        client.environ_base |= sent

    with monkeypatch.context() as patch:
        patch.setattr(FlaskClient, "__init__", make_speaking)
        patch.setitem(running.client.environ_base, "HTTP_ACCEPT_LANGUAGE", language)
        response = ask(running)
    assert response.status_code >= 400
    assert response.mimetype == "application/json"
    return response.text


def compare(english: dict[str, Any], translated: dict[str, Any]) -> None:
    """Sentences differ and have no English words; all else is the same."""
    assert english.keys() == translated.keys()
    for key, said in english.items():
        if isinstance(said, dict):
            compare(said, translated[key])
        elif isinstance(said, list):
            for one, other in zip(said, translated[key], strict=True):
                assert_translated(one, other)
        elif key in SPOKEN:
            assert_translated(said, translated[key])
        elif key != "id":
            assert said == translated[key]


def assert_translated(english: str, translated: str) -> None:
    if english not in INVENTED:
        assert translated != english
        assert not english_in(translated), translated
