"""The words of a command line become the request that they mean, or a sentence that says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest

from musicgen_api.cli.main import musicgen
from musicgen_api.cli.order import Recipe, combine, make_order, request_in
from musicgen_api.client.messages import Order, Upload


def order(*words: str, recipe: dict[str, Any] | None = None, piece: Upload | None = None) -> Order:
    """What these words ask for."""
    with musicgen.make_context("musicgen", list(words)) as context:
        return make_order(context.params, Recipe(recipe or {}, piece))


def test_what_is_not_said_is_left_to_the_service() -> None:
    assert order("calm piano") == Order({"description": "calm piano"})


def test_every_field_of_the_api_has_an_option() -> None:
    words = ["calm piano", "--seconds", "20", "--takes", "3", "--seed", "7", "--model", "a/b", "--loop", "--format"]
    words += ["mp3", "--loudness", "-14", "--fade-in", "0.5", "--fade-out", "2", "--mbd", "--top-k", "9", "--top-p"]
    words += ["0.5", "--temperature", "1.5", "--cfg-coef", "4", "--no-recipe"]
    assert order(*words).fields == {
        "description": "calm piano", "duration": 20, "takes": 3, "seed": 7, "model": "a/b", "loop": True,
        "format": "mp3", "loudness": -14.0, "fade_in": 0.5, "fade_out": 2.0, "mbd": True, "top_k": 9, "top_p": 0.5,
        "temperature": 1.5, "cfg_coef": 4.0, "recipe": False,
    }  # fmt: skip


def test_sections_stand_instead_of_a_description() -> None:
    assert order("--section", "soft = piano=10", "--section", "loud=5").fields == {
        "sections": [{"description": "soft = piano", "duration": 10}, {"description": "loud", "duration": 5}]
    }


@pytest.mark.parametrize(
    ("span", "fields"),
    [
        ("12", {"continuation_end": 12}),
        ("5-12.5", {"continuation_start": 5, "continuation_end": 12.5}),
        ("5-", {"continuation_start": 5}),
    ],
)
def test_sound_files_are_read_and_a_part_of_one_is_kept(span: str, fields: dict[str, float], tmp_path: Path) -> None:
    song, tune = tmp_path / "song.mp3", tmp_path / "tune.wav"
    song.write_bytes(b"ID3")
    tune.write_bytes(b"RIFF")
    made = order("more", "--continue-from", str(song), "--keep", span, "--melody", str(tune))
    assert made.fields == {"description": "more", **fields}
    assert {name: (upload.name, upload.data) for name, upload in made.uploads.items()} == {
        "continuation": ("song.mp3", b"ID3"),
        "melody": ("tune.wav", b"RIFF"),
    }


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["piano", "--keep", "12"],
        ["piano", "--keep", "-"],
        ["piano", "--keep", "nan"],
        ["piano", "--keep", "-5"],
        ["piano", "--section", "loud"],
        ["piano", "--section", "=5"],
        ["piano", "--section", "loud=5.5"],
        ["piano", "--seed", "dice"],
        ["piano", "--format", "ulaw"],
        ["piano", "--melody", "/nonexistent"],
        ["piano", "and strings"],
    ],
)
def test_words_that_mean_nothing_are_an_error_of_usage(words: list[str]) -> None:
    with pytest.raises(click.UsageError):
        order(*words)


def test_a_recipe_is_made_again_and_options_override_it() -> None:
    recipe = {"description": "piano", "duration": 9, "seed": 4, "model": "m", "top_k": 3, "format": "flac"}
    assert order(recipe=recipe).fields == recipe
    assert order("--seed", "random", "--seconds", "5", recipe=recipe).fields == {
        "description": "piano", "duration": 5, "model": "m", "top_k": 3, "format": "flac",
    }  # fmt: skip


def test_a_piece_that_continues_other_music_is_made_again_from_its_own_beginning(tmp_path: Path) -> None:
    piece, song = Upload("piece.mp3", b"ID3"), tmp_path / "song.mp3"
    song.write_bytes(b"song")
    recipe = {"description": "piano", "continuation_start": 0.0, "continuation_end": 4.5}
    assert order(recipe=recipe, piece=piece) == Order(recipe, {"continuation": piece})
    assert order("--keep", "2", recipe=recipe, piece=piece).fields["continuation_end"] == 2
    other = order("--continue-from", str(song), recipe=recipe, piece=piece)
    assert other == Order({"description": "piano"}, {"continuation": Upload("song.mp3", b"song")})
    assert order(recipe={"description": "piano"}, piece=piece).uploads == {}


def test_one_description_and_sections_take_each_other_s_place() -> None:
    sections = [{"description": "soft", "duration": 4}, {"description": "loud", "duration": 6}]
    assert combine({"sections": sections}, {"description": "x"}) == {"description": "x", "duration": 10}
    assert combine({"description": "x", "duration": 9, "seed": 1}, {"sections": sections}) == {
        "sections": sections,
        "seed": 1,
    }


def test_a_recipe_may_be_json() -> None:
    request = {"description": "piano"}
    assert request_in(json.dumps({"recipe": 1, "request": request}).encode()) == request
    assert request_in(json.dumps(request).encode()) == request
    assert request_in(b"RIFF\xff") is None
    assert request_in(b"[1]") is None
