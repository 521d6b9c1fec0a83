"""A file says how it was made, and says it again to whoever asks. Pure: tags to write, bytes to read.

    encode(samples, rate, encoding, tags_of(recipe))        # into the file
    recipe = read(file)                                     # out of anybody's file; None: it has none

Where it stands: `MUSICGEN_RECIPE` is a Vorbis comment in FLAC and Ogg Opus, and an ID3v2 TXXX frame in MP3. In WAV it
is the chunk `mgen` behind the sound, in M4A a `uuid` box behind everything. Title and comment tell players the prompt.

What it is: one line of JSON, in ASCII, the same that `POST /api/recipe` answers with::

    {"recipe": 1, "version": "2.0.0", "request": {"model": ..., "seed": ..., "description": ..., ...},
     "codes": {"codec": ..., "frame_rate": 50.0, "cardinality": 2048, "shape": [4, 1500], "data": "...", "crc32": ...}}

`data` is base64 of the ids, codebook by codebook. Each has as few bits as `cardinality` - 1 (11 for 2048), lowest bit
first, without gaps; zeros fill the last byte. Bit b of the whole is `byte[b // 8] >> (b % 8) & 1`. 30 s of MusicGen
are 8250 bytes, 11 kB of text. Nothing is compressed, so nothing can burst. `crc32` is zlib's, of those bytes.

A recipe is somebody else's input. `read` checks sizes before it unpacks, and every type, shape, id and checksum. It
does not know which requests are valid or which codecs there are: the routes check `request` and `codes.codec`.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np

from musicgen_api.audio import containers, mp4_boxes, wav
from musicgen_api.audio.containers import Container
from musicgen_api.audio.tags import COMMENT, MAKER, RECIPE, TITLE, one_line
from musicgen_api.domain import strict_json
from musicgen_api.domain.recipe import Codes, Recipe

_FORMAT = 1
_MOST_FIELDS = 64


class InvalidRecipe(ValueError):
    """There is a recipe, and something is wrong with it. The text is a sentence for the file's sender."""


@dataclass(frozen=True)
class RecipeLimits:
    """What a recipe may hold at most. The defaults: 10 minutes of stereo at 50 frames a second."""

    codebooks: int = 16
    frames: int = 30_000
    text_length: int = 2**20
    """Characters of JSON."""


def tags_of(recipe: Recipe) -> dict[str, str]:
    """What a file with this recipe says of itself, for `encode`."""
    prompts = "; ".join(recipe.prompts)
    shown = {TITLE: one_line(prompts, 100), COMMENT: one_line(prompts, 50_000)}
    maker = {MAKER: one_line(f"MusicGen API {recipe.version}", 100)}
    return {name: text for name, text in shown.items() if text} | maker | {RECIPE: json.dumps(as_json(recipe))}


def as_json(recipe: Recipe) -> dict[str, Any]:
    """The recipe as the tag and the API spell it."""
    body: dict[str, Any] = {"recipe": _FORMAT, "version": recipe.version, "request": dict(recipe.request)}
    if (codes := recipe.codes) is not None:
        packed = _pack(codes)
        body["codes"] = {
            "codec": codes.codec,
            "frame_rate": codes.frame_rate,
            "cardinality": codes.cardinality,
            "shape": list(codes.ids.shape),
            "data": base64.b64encode(packed).decode("ascii"),
            "crc32": zlib.crc32(packed),
        }
    return body


def read(file: bytes, limits: RecipeLimits | None = None) -> Recipe | None:
    """The recipe of anybody's file; None where the file is not sound or has no recipe.

    Raises:
        InvalidRecipe: there is one, and it is damaged, made up, or larger than `limits`.
    """
    limits = limits or RecipeLimits()
    text = _find(file)
    if text is None:
        return None
    if len(text) > limits.text_length:
        raise InvalidRecipe(f"The recipe is {len(text)} characters long; at most {limits.text_length} are read.")
    try:
        body = strict_json.loads(text, parse_float=strict_json.finite)
    except (ValueError, RecursionError) as error:
        raise InvalidRecipe("The recipe is not valid JSON.") from error
    return from_json(body, limits)


def from_json(body: object, limits: RecipeLimits | None = None) -> Recipe:
    """The recipe that this JSON spells. Raises `InvalidRecipe`."""
    limits = limits or RecipeLimits()
    if not isinstance(body, dict) or not _is_integer(body.get("recipe")):
        raise InvalidRecipe("The recipe is not a JSON object with its version in `recipe`.")
    if body["recipe"] != _FORMAT:
        raise InvalidRecipe(f"The recipe has version {body['recipe']}; this service reads version {_FORMAT}.")
    version, request, codes = body.get("version"), body.get("request"), body.get("codes")
    if not isinstance(version, str) or len(version) > 100:
        raise InvalidRecipe("The recipe's `version` is not a short text.")
    if not isinstance(request, dict) or len(request) > _MOST_FIELDS:
        raise InvalidRecipe(f"The recipe's `request` is not a JSON object of up to {_MOST_FIELDS} fields.")
    return Recipe(request=request, version=version, codes=None if codes is None else _codes_from(codes, limits))


def _codes_from(body: object, limits: RecipeLimits) -> Codes:
    if not isinstance(body, dict):
        raise InvalidRecipe("The recipe's `codes` are not a JSON object.")
    codec, frame_rate, cardinality = body.get("codec"), body.get("frame_rate"), body.get("cardinality")
    if not isinstance(codec, str) or len(codec) > 200:
        raise InvalidRecipe("The codes' `codec` is not a short text.")
    if not _is_number(frame_rate) or not 0 < frame_rate <= 1000:
        raise InvalidRecipe("The codes' `frame_rate` is not a number above 0 and up to 1000.")
    if not _is_integer(cardinality) or not 2 <= cardinality <= 2**16:
        raise InvalidRecipe("The codes' `cardinality` is not an integer from 2 to 65536.")
    codebooks, frames = _shape_from(body.get("shape"), limits)
    ids = _unpack(_bytes_from(body, codebooks * frames, _bits(cardinality)), codebooks * frames, _bits(cardinality))
    if int(ids.max()) >= cardinality:
        raise InvalidRecipe(f"The codes go up to {ids.max()}; `cardinality` says {cardinality}.")
    return Codes(ids.reshape(codebooks, frames), cardinality, float(frame_rate), codec)


def _shape_from(shape: object, limits: RecipeLimits) -> tuple[int, int]:
    if not isinstance(shape, list) or len(shape) != 2 or not all(_is_integer(size) and size > 0 for size in shape):
        raise InvalidRecipe("The codes' `shape` is not two positive integers: codebooks and frames.")
    codebooks, frames = shape
    if codebooks > limits.codebooks or frames > limits.frames:
        most = f"{limits.codebooks} codebooks and {limits.frames} frames"
        raise InvalidRecipe(f"The codes are {codebooks} x {frames}; at most {most} are read.")
    return codebooks, frames


def _bytes_from(body: Mapping[str, Any], count: int, bits: int) -> bytes:
    """The packed codes, which must be as long as the shape says and have the right checksum."""
    data, crc32 = body.get("data"), body.get("crc32")
    if not isinstance(data, str) or len(data) != 4 * math.ceil(_packed_size(count, bits) / 3):
        raise InvalidRecipe("The codes' `data` does not have the length that `shape` and `cardinality` ask for.")
    try:
        packed = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRecipe("The codes' `data` is not base64.") from error
    if len(packed) != _packed_size(count, bits):
        raise InvalidRecipe("The codes' `data` does not have the length that `shape` and `cardinality` ask for.")
    if not _is_integer(crc32) or crc32 != zlib.crc32(packed):
        raise InvalidRecipe("The codes are damaged: their checksum is another one.")
    return packed


def _pack(codes: Codes) -> bytes:
    planes = (codes.ids.reshape(-1, 1) >> np.arange(_bits(codes.cardinality), dtype=np.uint16)) & 1
    return np.packbits(planes.astype(np.uint8), bitorder="little").tobytes()


def _unpack(packed: bytes, count: int, bits: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    planes = np.unpackbits(np.frombuffer(packed, np.uint8), count=count * bits, bitorder="little").reshape(count, bits)
    weights = np.left_shift(1, np.arange(bits)).astype(np.uint16)
    ids: np.ndarray[tuple[int, ...], np.dtype[np.uint16]] = planes.astype(np.uint16) @ weights
    return ids


def _bits(cardinality: int) -> int:
    return (cardinality - 1).bit_length()


def _packed_size(count: int, bits: int) -> int:
    return math.ceil(count * bits / 8)


def _find(file: bytes) -> bytes | str | None:
    container = containers.sniff(file)
    match container:
        case None | Container.WEBM:
            return None
        case Container.WAV:
            return wav.find_recipe(file)
        case Container.MP4:
            return mp4_boxes.find_recipe(file)
        case _:
            return containers.read_tag(file, container, RECIPE)


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
