"""A French description for a model that reads English, over HTTP."""

from __future__ import annotations

import base64

from musicgen_api.audio import recipe
from tests.helpers.server import Server
from tests.helpers.translators import LEARNT

FRENCH, ENGLISH = next(iter(LEARNT.items()))


def test_the_stream_and_the_recipe_say_what_the_model_reads(server: Server) -> None:
    first, *middle, last = server.events(description=FRENCH, duration=1, seed=3)
    assert first["status"] == "started"
    assert "description_used" not in first
    assert any(event.get("description_used") == ENGLISH for event in middle)
    assert last["description_used"] == ENGLISH
    assert last["recipe"]["request"]["description"] == FRENCH
    again = server.events(**last["recipe"]["request"])[-1]
    assert again["recipe"] == last["recipe"]
    assert again["audio_data"] == last["audio_data"]


def test_the_other_document_s_file_says_it_too(server: Server) -> None:
    body = {"prompt": FRENCH, "duration": 1, "model": "test/mono", "seed": 3}
    found = recipe.read(server.post("/generate", body).content)
    assert found is not None
    assert (found.request["description"], found.request["description_used"]) == (FRENCH, ENGLISH)


def test_what_cannot_be_translated_is_made_as_it_stands(server: Server) -> None:
    last = server.events(description="грустное пианино", duration=1)[-1]
    assert base64.b64decode(last["audio_data"]).startswith(b"RIFF")
    assert "Helsinki-NLP/opus-mt-ru-en could not be loaded: " in last["warning"]
    assert "description_used" not in last["recipe"]["request"]
    assert "a description is not translated: " in server.log
