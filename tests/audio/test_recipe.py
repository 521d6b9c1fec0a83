"""Recipes through every format, and everything that somebody else may have put in their place."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from typing import Any

import mutagen
import mutagen.flac
import mutagen.id3
import mutagen.mp4
import mutagen.oggopus
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from musicgen_api.audio import recipe as recipes
from musicgen_api.audio.encode import StreamEncoder, encode
from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.audio.recipe import InvalidRecipe, RecipeLimits, as_json, from_json, tags_of
from musicgen_api.audio.tags import RECIPE
from musicgen_api.domain.recipe import Codes, Recipe
from tests.helpers.sounds import RATE, decode, music, probe

TAGGED = [Format.WAV, Format.FLAC, Format.MP3, Format.OPUS, Format.AAC]
PROMPT = 'Flûte & 古筝, "slow"; = \\ 100 % 🎵 ' + "and so on " * 150
REQUEST = {"model": "bundled/musicgen-tiny", "seed": 2**53 - 1, "description": PROMPT, "top_p": 0.25, "mbd": False}


def codes(codebooks: int = 4, frames: int = 1500, cardinality: int = 2048, seed: int = 0) -> Codes:
    ids = np.random.default_rng(seed).integers(0, cardinality, (codebooks, frames)).astype(np.uint16)
    return Codes(ids, cardinality, 50.0, "encodec_32khz")


def recipe(**changes: Any) -> Recipe:
    return Recipe(**{"request": REQUEST, "version": "2.0.0", "codes": codes(), **changes})


def equal(one: Recipe | None, other: Recipe) -> bool:
    assert one is not None
    same = (one.request, one.version) == (other.request, other.version)
    if one.codes is None or other.codes is None:
        return same and one.codes is other.codes
    facts = [(each.cardinality, each.frame_rate, each.codec) for each in (one.codes, other.codes)]
    return same and facts[0] == facts[1] and np.array_equal(one.codes.ids, other.codes.ids)


def tagged(format: Format, made_by: Recipe) -> bytes:
    return encode(music(0.5, 2), RATE, Encoding(format), tags_of(made_by))


@pytest.mark.parametrize("format", TAGGED)
@pytest.mark.parametrize(
    "made_by", [recipe(), recipe(codes=None), recipe(codes=codes(8, 15_000))], ids=["30s", "none", "300s"]
)
def test_a_recipe_comes_back_from_every_format_to_the_last_code(format: Format, made_by: Recipe) -> None:
    assert equal(recipes.read(tagged(format, made_by)), made_by)


@pytest.mark.parametrize("format", [Format.FLAC, Format.MP3, Format.OPUS, Format.AAC])
def test_a_recipe_comes_back_from_a_streamed_file_too(format: Format) -> None:
    made_by = recipe(codes=None)
    encoder = StreamEncoder(Encoding(format), RATE, 1, tags_of(made_by))
    file = encoder.add(music(1)) + encoder.finish()
    assert equal(recipes.read(file), made_by)


@given(st.integers(1, 8), st.integers(1, 300), st.integers(2, 2**16), st.integers(0, 2**32 - 1))
def test_codes_of_any_shape_and_size_come_back(codebooks: int, frames: int, cardinality: int, seed: int) -> None:
    made_by = recipe(codes=codes(codebooks, frames, cardinality, seed))
    assert equal(from_json(json.loads(json.dumps(as_json(made_by)))), made_by)


def test_thirty_seconds_are_eight_kilobytes_laid_out_as_documented() -> None:
    body = as_json(recipe())["codes"]
    data = base64.b64decode(body["data"])
    assert len(data) == 8_250
    bits = [data[b // 8] >> (b % 8) & 1 for b in range(11 * 6_000)]
    ids = [sum(bits[11 * i + k] << k for k in range(11)) for i in range(6_000)]
    assert np.array_equal(np.reshape(ids, (4, 1500)), codes().ids)


@pytest.mark.parametrize("format", TAGGED)
def test_ffprobe_shows_the_prompt_and_the_maker(format: Format) -> None:
    found = probe(tagged(format, recipe()))
    tags = found["format"].get("tags", {}) | found["streams"][0].get("tags", {})
    lower = {name.lower(): text for name, text in tags.items()}
    assert lower["comment"] == PROMPT.strip()
    assert PROMPT.startswith(lower["title"].removesuffix("…"))
    if format is not Format.AAC:  # FFmpeg's M4A has no place for it
        assert lower["encoder" if format is Format.WAV else "encoded_by"] == "MusicGen API 2.0.0"


@pytest.mark.parametrize("format", TAGGED)
def test_mutagen_finds_the_tags_where_such_files_have_them(format: Format) -> None:
    file = tagged(format, recipe())
    if format is Format.WAV:  # mutagen knows only ID3 there
        assert b"LIST" in file[44 + 2 * 2 * RATE // 2 :]
        return
    tags: Any = mutagen.File(io.BytesIO(file)).tags
    match format:
        case Format.FLAC | Format.OPUS:
            title, made_by = tags["title"][0], tags[RECIPE][0]
        case Format.MP3:
            title, made_by = tags["TIT2"].text[0], tags[f"TXXX:{RECIPE}"].text[0]
        case _:
            title, made_by = tags["\xa9nam"][0], None
    assert PROMPT.startswith(title.removesuffix("…"))
    assert made_by is None or json.loads(made_by)["request"] == REQUEST


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("format", TAGGED)
def test_the_tags_change_nothing_of_the_sound(format: Format, channels: int) -> None:
    samples = music(1, channels)
    with_recipe = encode(samples, RATE, Encoding(format), tags_of(recipe()))
    without = encode(samples, RATE, Encoding(format))
    assert np.array_equal(decode(with_recipe, channels), decode(without, channels))


@pytest.mark.parametrize("codes_or_none", [codes(), None])
@pytest.mark.parametrize("prompt", ["x", "odd", "even"])
def test_a_wav_file_keeps_its_first_bytes_and_counts_all_of_them(prompt: str, codes_or_none: Codes | None) -> None:
    plain = encode(music(1), RATE)
    file = encode(music(1), RATE, tags=tags_of(recipe(request={"description": prompt}, codes=codes_or_none)))
    assert struct.unpack("<I", file[4:8])[0] == len(file) - 8
    assert len(file) % 2 == 0
    assert file[:4] + file[8 : len(plain)] == plain[:4] + plain[8:]
    assert soundfile.info(io.BytesIO(file)).frames == RATE


@pytest.mark.parametrize("format", TAGGED)
def test_a_file_without_a_recipe_has_none(format: Format) -> None:
    assert recipes.read(encode(music(0.5), RATE, Encoding(format))) is None


@pytest.mark.parametrize(
    "file", [b"", b"RIFF", b"ID3", b"fLaC", b"OggS" * 9, bytes(99), b"\x1aE\xdf\xa3webm", b"\0\0\0\x18ftypM4A "]
)
def test_what_is_no_sound_has_no_recipe(file: bytes) -> None:
    assert recipes.read(file) is None


@pytest.mark.parametrize(
    ("prompt", "shown"),
    [("a\0b\nc\x1b[31m", "a b c [31m"), ("lone \ud800 half", "lone half"), (" \t ", None), ("=é=\\", "=é=\\")],
)
@pytest.mark.parametrize("format", TAGGED)
def test_any_prompt_becomes_a_tag_of_one_line(format: Format, prompt: str, shown: str | None) -> None:
    made_by = recipe(request={"description": prompt})
    file = tagged(format, made_by)
    assert equal(recipes.read(file), made_by)
    found = probe(file)
    tags = found["format"].get("tags", {}) | found["streams"][0].get("tags", {})
    assert {name.lower(): text for name, text in tags.items()}.get("comment") == shown


def test_the_prompts_of_sections_are_shown_together() -> None:
    request = {"sections": [{"description": "slow", "duration": 5}, {"description": "fast", "duration": 5}]}
    assert tags_of(recipe(request=request))["comment"] == "slow; fast"


CODES = as_json(recipe(codes=codes(2, 8)))["codes"]
NOT_LONG_ENOUGH = base64.b64encode(bytes(21)).decode()


@pytest.mark.parametrize(
    "body",
    [
        *([], None, 3, "text", {}, {"recipe": 2, "version": "", "request": {}}),
        *({"recipe": True, "version": "", "request": {}}, {"recipe": 1, "version": "", "request": []}),
        *({"recipe": 1, "version": 1, "request": {}}, {"recipe": 1, "version": "v" * 101, "request": {}}),
        *({"recipe": 1, "request": {}}, {"recipe": 1, "version": ""}),
        {"recipe": 1, "version": "", "request": {str(key): key for key in range(65)}},
        *({"codes": []}, {"codes": "text"}, {"codes": {}}),
        *({"codes": CODES | {"codec": 1}}, {"codes": CODES | {"codec": "c" * 201}}),
        *({"codes": CODES | {"frame_rate": rate}} for rate in (0, -1, 1e9, "50", True, None, [50])),
        *({"codes": CODES | {"cardinality": size}} for size in (0, 1, 2**16 + 1, 2**70, 2048.0, "2048", True, 1024)),
        *({"codes": CODES | {"shape": shape}} for shape in ([], [2], [2, 8, 1], [0, 8], [-2, -8], [4, 5], [2, 9])),
        *({"codes": CODES | {"shape": shape}} for shape in ([2.0, 8], ["2", 8], [True, 16], "28", {"2": 8}, None)),
        *({"codes": CODES | {"shape": shape}} for shape in ([17, 8], [2, 30_001], [2**31, 2**31], [2**70, 1])),
        *({"codes": CODES | {"data": data}} for data in ("", "é" * 32, "!" * 32, CODES["data"] + "AAAA", 7, None)),
        *({"codes": CODES | {"data": data}} for data in (NOT_LONG_ENOUGH, CODES["data"][:-4] + "\n" * 4)),
        *({"codes": CODES | {"crc32": value}} for value in (0, -1, "0", None, float(CODES["crc32"]), 2**70)),
    ],
)
def test_a_recipe_of_another_make_is_refused_with_a_sentence(body: object) -> None:
    if isinstance(body, dict) and "codes" in body:
        body = {"recipe": 1, "version": "", "request": {}, **body}
    with pytest.raises(InvalidRecipe, match=r"\.$"):
        from_json(body)


def test_ids_beyond_the_codebook_are_refused_though_everything_else_is_right() -> None:
    data = bytes([0xFF] * 22)
    body = CODES | {"cardinality": 2047, "data": base64.b64encode(data).decode(), "crc32": zlib.crc32(data)}
    with pytest.raises(InvalidRecipe, match="go up to 2047"):
        from_json({"recipe": 1, "version": "", "request": {}, "codes": body})


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[" * 100_000,
        '{"a":' * 100_000,
        "NaN",
        '{"recipe": Infinity}',
        '{"recipe": 1, "version": "", "request": {"seed": 1e999}}',
        '{"recipe": 1, "version": "", "request": {"seed": ' + "[" * 100 + "]" * 100 + "}}",
        "1" * 5_000,
        "\0",
        "é",
        '"\\ud800"',
        " " * 2**20 + "{}",
    ],
    ids=lambda text: text[:6],
)
@pytest.mark.parametrize("format", TAGGED)
def test_text_that_is_no_recipe_is_refused(format: Format, text: str) -> None:
    file = encode(music(0.2), RATE, Encoding(format), {RECIPE: text})
    if format is not Format.WAV and "\0" in text:
        return  # FFmpeg's tags end there
    with pytest.raises(InvalidRecipe):
        recipes.read(file)


def test_the_limits_are_the_callers() -> None:
    body = as_json(recipe(codes=codes(4, 100)))
    from_json(body, RecipeLimits(codebooks=4, frames=100))
    for limits in (RecipeLimits(codebooks=3), RecipeLimits(frames=99)):
        with pytest.raises(InvalidRecipe, match="4 x 100"):
            from_json(body, limits)
    with pytest.raises(InvalidRecipe, match="characters"):
        recipes.read(tagged(Format.WAV, recipe()), RecipeLimits(text_length=100))


@pytest.mark.parametrize("format", TAGGED)
@given(data=st.data())
def test_a_damaged_or_cut_file_gives_the_recipe_or_none_or_an_error_and_never_other_codes(
    format: Format, data: st.DataObject
) -> None:
    file = bytearray(DAMAGED.setdefault(format, tagged(format, recipe(codes=codes(4, 200)))))
    for _ in range(data.draw(st.integers(1, 5))):
        file[data.draw(st.integers(0, len(file) - 1))] ^= data.draw(st.integers(1, 255))
    del file[data.draw(st.integers(0, len(file))) :]
    try:
        found = recipes.read(bytes(file))
    except InvalidRecipe:
        return
    if found is not None and found.codes is not None and found.codes.ids.shape == (4, 200):
        assert np.array_equal(found.codes.ids, codes(4, 200).ids)


DAMAGED: dict[Format, bytes] = {}


@pytest.mark.parametrize(
    ("ids", "cardinality"),
    [
        (np.zeros(4, np.uint16), 8),
        (np.zeros((1, 4), np.int64), 8),
        (np.full((1, 4), 8, np.uint16), 8),
        (np.zeros((1, 4), np.uint16), 1),
    ],
)
def test_codes_that_do_not_fit_their_codebook_cannot_be_made(ids: Any, cardinality: int) -> None:
    with pytest.raises(ValueError, match=r"uint16|entries"):
        Codes(ids, cardinality, 50.0, "codec")
