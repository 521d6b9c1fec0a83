"""The three requests, each -> a `MusicRequest` and the file that is asked for."""

from __future__ import annotations

import secrets
from functools import cache
from typing import Any

from marshmallow import Schema, fields, validate

from musicgen_api.apis.documents.schemas import MAX_CFG_COEF, sampling_fields
from musicgen_api.apis.fields import StrictInteger, StrictNumber, Text
from musicgen_api.apis.lenient import lenient_schema, load, music_request
from musicgen_api.apis.rendering import FORMATS
from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.domain.errors import InvalidFields
from musicgen_api.domain.request import MAX_SEED, MusicRequest
from musicgen_api.models.catalog import Catalog
from musicgen_api.settings import Settings

PCM_RATE = 24_000
"""In Hz. OpenAI's pcm has one rate and one channel, and its clients play whatever they get as that."""

STREAM_FORMATS = ("audio", "sse")
MIN_DURATION_S = 0.1
"""Some frames of the model."""
_OWN_MODELS = ("tts-", "gpt-")
"""How the names of OpenAI's own models begin."""


@cache
def speech_schema(settings: Settings) -> Schema:
    """The body of `POST /v1/audio/speech`."""
    return lenient_schema(
        "SpeechRequest",
        input=_text(settings, "The music, in words.", required=True),
        stream_format=Text(
            load_default="audio",
            validate=validate.OneOf(STREAM_FORMATS, error=f"Must be one of {', '.join(STREAM_FORMATS)}."),
            metadata={"description": "audio: the file's bytes. sse: events with the same bytes in base64."},
        ),
        duration=_duration(settings),
        seed=_seed(),
        **_shared("mp3"),
    )


@cache
def generation_schema(settings: Settings) -> Schema:
    """The body of `POST /v1/audio/generations`."""
    return lenient_schema(
        "AudioGenerationRequest", **_prompt(settings), **_shared("wav"), **_generation(settings, "cfg")
    )


@cache
def music_schema(settings: Settings) -> Schema:
    """The body of `POST /v1/audio/music`."""
    return lenient_schema(
        "AudioMusicRequest",
        **sampling_fields(),
        **_prompt(settings),
        **_shared("wav"),
        **_generation(settings, "guidance"),
    )


def load_request(schema: Schema, body: object, catalog: Catalog) -> tuple[MusicRequest, dict[str, Any]]:
    """Validate a decoded JSON body; the request, and the fields that say how to answer.

    Raises:
        NotJSON: the body is not a JSON object.
        InvalidFields: fields are missing or out of range.
        UnknownModel: the model is neither ours nor OpenAI's.
    """
    values = load(schema, body)
    how: dict[str, Any] = {name: values.pop(name) for name in ("response_format", "stream_format") if name in values}
    texts = [values.pop(name, None) for name in ("prompt", "input")]
    values["description"] = next((text for text in texts if text is not None), None)
    if values["description"] is None:
        raise InvalidFields({"prompt": ["Missing data for required field."]})
    values["model"] = find_model(values.get("model"), catalog)
    return music_request(catalog, **values), how


def find_model(name: str | None, catalog: Catalog) -> str:
    """The id of the model that `name` means: the default one where it is left out or OpenAI's.

    Raises:
        UnknownModel: it is neither ours nor OpenAI's.
    """
    if name is None or name.startswith(_OWN_MODELS):
        return catalog.default_id
    return catalog.find(name).id


def encoding_of(response_format: str) -> tuple[Encoding, bool]:
    """The file, and whether it is mono whatever the model is."""
    if response_format == Format.PCM:
        return Encoding(Format.PCM, PCM_RATE), True
    return Encoding(Format(response_format)), False


def _text(settings: Settings, description: str, *, required: bool = False) -> Text:
    return Text(
        required=required,
        validate=validate.Length(max=settings.max_prompt_chars),
        metadata={"description": description},
    )


def _prompt(settings: Settings) -> dict[str, fields.Field[Any]]:
    return {
        "prompt": _text(settings, "The music, in words."),
        "input": _text(settings, "The same as prompt, where prompt is left out."),
    }


def _shared(response_format: str) -> dict[str, fields.Field[Any]]:
    return {
        "model": Text(
            metadata={"description": "An id of /v1/models. Left out or a name of OpenAI's: the service's default."}
        ),
        "response_format": Text(
            load_default=response_format,
            validate=validate.OneOf(FORMATS, error=f"Must be one of {', '.join(FORMATS)}."),
            metadata={
                "description": "The file. opus is Ogg at 48 kHz, aac is M4A, pcm is bare 16 bit little endian, mono at "
                "24 kHz as OpenAI's."
            },
        ),
    }


def _generation(settings: Settings, guidance: str) -> dict[str, fields.Field[Any]]:
    return {
        guidance: StrictNumber(
            attribute="cfg_coef",
            load_default=MusicRequest.cfg_coef,
            validate=validate.Range(min=-MAX_CFG_COEF, max=MAX_CFG_COEF),
            metadata={"description": "Classifier-free guidance: how closely the text is followed."},
        ),
        "duration": _duration(settings),
        "seed": _seed(),
    }


def _duration(settings: Settings) -> StrictNumber:
    return StrictNumber(
        load_default=float(min(MusicRequest.duration, settings.max_duration_s)),
        validate=validate.Range(min=MIN_DURATION_S, max=settings.max_duration_s),
        metadata={"description": "Length of the music in seconds; fractions are fine."},
    )


def _seed() -> StrictInteger:
    return StrictInteger(
        load_default=lambda: secrets.randbelow(2**32),
        validate=validate.Range(min=0, max=MAX_SEED),
        metadata={"description": "Makes a result repeatable on the same machine. Drawn at random if left out."},
    )
