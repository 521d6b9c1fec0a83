"""What a person reads of an error follows `Accept-Language`; what a program reads never changes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from musicgen_api.apis import languages
from musicgen_api.apis.languages import translate, translate_body
from musicgen_api.domain.errors import DeviceLost, GenerationFailed
from musicgen_api.domain.request import Monitor, Music, MusicRequest, Sound
from tests.helpers.fakes import Service, a_request, fail_with, service
from tests.helpers.server import read_events, wait_until

WRONG = {"description": "piano", "duration": "30"}
ENGLISH, FRENCH, CHINESE = "Must be an integer.", "Doit être un entier.", "必须是整数。"


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with service() as running:
        yield running


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """An empty French catalogue, to be filled by the test."""
    sentences: dict[str, str] = {}
    monkeypatch.setattr(languages, "CATALOGUES", {"fr": sentences})
    languages._patterns.cache_clear()
    yield sentences
    languages._patterns.cache_clear()


@pytest.mark.parametrize(
    ("accepted", "said"),
    [
        (None, ENGLISH),
        ("en", ENGLISH),
        ("de", ENGLISH),
        ("*", ENGLISH),
        ("fr", FRENCH),
        ("fr-CA, en;q=0.5", FRENCH),
        ("de, fr;q=0.8, en;q=0.5", FRENCH),
        ("zh-CN,zh;q=0.9,en;q=0.8", CHINESE),
        ("zh-Hant-TW", CHINESE),
        ("fr;q=0, en;q=0.1", ENGLISH),
        (";;q=,\x01", ENGLISH),
    ],
)
def test_an_error_follows_accept_language(running: Service, accepted: str | None, said: str) -> None:
    headers = {} if accepted is None else {"Accept-Language": accepted}
    response = running.client.post("/api/music", json=WRONG, headers=headers)
    assert response.status_code == 400
    assert response.get_json()["fields"] == {"duration": [said]}
    assert response.get_json()["code"] == "invalid_fields"
    assert "Accept-Language" in response.vary
    assert response.headers.get("Content-Language") == {FRENCH: "fr", CHINESE: "zh"}.get(said)


def test_an_error_in_the_event_stream_follows_it_too(running: Service, catalogue: dict[str, str]) -> None:
    catalogue["The piano is {what}."] = "Le piano est {what}."
    running.synthesizer.act = fail_with(GenerationFailed("The piano is broken."))
    response = running.client.post("/api/music", json={"description": "piano"}, headers={"Accept-Language": "fr"})
    *_, last = read_events(response.data.splitlines())
    assert (last["error"], last["code"]) == ("Le piano est broken.", "generation_failed")


def test_so_does_an_error_in_openais_event_stream(running: Service, catalogue: dict[str, str]) -> None:
    catalogue["The piano is {what}."] = "Le piano est {what}."

    def act(request: MusicRequest, monitor: Monitor) -> Music:
        monitor.sound(Sound(0.0, np.zeros((1, 32_000), np.int16), 32_000))
        raise GenerationFailed("The piano is broken.")

    running.synthesizer.act = act
    body = {"input": "piano", "stream_format": "sse", "response_format": "pcm"}
    response = running.client.post("/v1/audio/speech", json=body, headers={"Accept-Language": "fr"})
    *_, last = read_events(response.data.splitlines())
    assert (last["error"]["message"], last["error"]["code"]) == ("Le piano est broken.", "generation_failed")


def test_the_page_says_in_the_asked_language_why_the_service_is_not_ready() -> None:
    with service(fail_with(DeviceLost("Gone."))) as lost:
        lost.gpu_thread.submit(a_request())
        wait_until(lambda: not lost.gpu_thread.alive)
        page = lost.client.get("/", headers={"Accept-Language": "fr-FR"})
    assert "Le processeur graphique ne répond plus" in page.text
    assert "Accept-Language" in page.vary


def test_values_keep_their_place_and_may_be_sentences_themselves(catalogue: dict[str, str]) -> None:
    catalogue |= {
        "{model} failed: {why}": "Échec de {model} : {why}",
        "The disk is full.": "Le disque est plein.",
        "{a} of {b}": "{b}, dont {a}",
    }
    assert translate("facebook/x failed: The disk is full.", "fr") == "Échec de facebook/x : Le disque est plein."
    assert translate("3 of 4\n5", "fr") == "4\n5, dont 3"


def test_the_template_that_says_most_wins(catalogue: dict[str, str]) -> None:
    catalogue |= {"{a} {b}": "{a}-{b}", "{a} is not {b}": "{a} n'est pas {b}"}
    assert translate("x is not y", "fr") == "x n'est pas y"


def test_braces_in_a_value_are_no_placeholders(catalogue: dict[str, str]) -> None:
    catalogue["No model {name}."] = "Pas de modèle {name}."
    assert translate("No model {0.__class__}.", "fr") == "Pas de modèle {0.__class__}."


def test_an_unknown_sentence_or_language_stays_english(catalogue: dict[str, str]) -> None:
    catalogue["Yes."] = "Oui."
    assert translate("Quite so.", "fr") == "Quite so."
    assert translate("Yes.", "zh") == "Yes."


def test_other_families_shapes_are_translated_where_a_person_reads(catalogue: dict[str, str]) -> None:
    catalogue["Yes."] = "Oui."
    assert translate_body({"error": {"message": "Yes.", "code": "Yes."}}, "fr") == {
        "error": {"message": "Oui.", "code": "Yes."}
    }
    assert translate_body({"detail": {"status": "Yes.", "message": "Yes."}}, "fr") == {
        "detail": {"status": "Yes.", "message": "Oui."}
    }
    assert translate_body(["Yes."], "fr") == ["Yes."]
