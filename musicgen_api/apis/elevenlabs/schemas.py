"""The two requests, each -> a `MusicRequest`."""

from __future__ import annotations

import secrets
from functools import cache
from typing import Any

from marshmallow import Schema, fields, validate

from musicgen_api.apis.elevenlabs.composition import plan_schema, sections_of
from musicgen_api.apis.fields import StrictBoolean, StrictInteger, StrictNumber, Text
from musicgen_api.apis.lenient import lenient_schema, load, music_request
from musicgen_api.domain.errors import InvalidFields
from musicgen_api.domain.request import MAX_SEED, MusicRequest
from musicgen_api.models.catalog import Catalog
from musicgen_api.settings import Settings

LENGTH_MS = (3_000, 600_000)
SOUND_S = (0.5, 30.0)
DEFAULT_SOUND_S = 5.0
USUAL_INFLUENCE = 0.3
"""ElevenLabs' default: it means the model's own."""
_OWN_MODELS = ("music_", "eleven_")
"""How the names of ElevenLabs' own models begin."""


@cache
def compose_schema(settings: Settings) -> Schema:
    """The body of `POST /v1/music` and what is below it."""
    shortest, longest = LENGTH_MS[0], min(LENGTH_MS[1], settings.max_duration_s * 1000)
    return lenient_schema(
        "ComposeRequest",
        prompt=_text(settings),
        composition_plan=fields.Nested(
            plan_schema(), metadata={"description": "Parts that follow each other, instead of prompt and its length."}
        ),
        music_length_ms=StrictInteger(
            validate=validate.Range(
                shortest,
                longest,
                error=f"Must be {shortest} to {longest}: the longest piece of this service is "
                f"{settings.max_duration_s} s.",
            ),
            metadata={"description": "Length of the music in milliseconds, 30 s by default."},
        ),
        seed=StrictInteger(
            load_default=lambda: secrets.randbelow(2**32),
            validate=validate.Range(min=0, max=MAX_SEED),
            metadata={"description": "Makes a result repeatable on the same machine."},
        ),
        model_id=_model(),
    )


@cache
def sound_schema(settings: Settings) -> Schema:
    """The body of `POST /v1/sound-generation`."""
    shortest, longest = SOUND_S
    return lenient_schema(
        "SoundGenerationRequest",
        text=_text(settings, required=True),
        duration_seconds=StrictNumber(
            load_default=min(DEFAULT_SOUND_S, float(settings.max_duration_s)),
            validate=validate.Range(shortest, min(longest, settings.max_duration_s)),
            metadata={"description": "Length of the sound in seconds."},
        ),
        prompt_influence=StrictNumber(
            load_default=USUAL_INFLUENCE,
            validate=validate.Range(min=0, max=1),
            metadata={"description": "How closely the text is followed: from cfg_coef 1 over 3 (0.3) to 7.7."},
        ),
        loop=StrictBoolean(
            load_default=MusicRequest.loop, metadata={"description": "The end runs into the beginning."}
        ),
        model_id=_model(),
    )


def compose_request(settings: Settings, body: object, catalog: Catalog) -> MusicRequest:
    """Validate a decoded JSON body.

    Raises:
        NotJSON: the body is not a JSON object.
        InvalidFields: fields are missing or out of range, or there are lyrics.
        UnknownModel: the model is neither ours nor ElevenLabs'.
    """
    values = load(compose_schema(settings), body)
    model = find_model(values.get("model_id"), catalog, catalog.default_id)
    what = _by_prompt(values, settings)
    if "composition_plan" in values:
        if "prompt" in values:
            raise InvalidFields({"prompt": ["Must be left out where a composition_plan is given."]})
        sections = sections_of(values["composition_plan"], settings)
        # Milliseconds add up exactly as integers.
        seconds = sum(round(section.duration * 1000) for section in sections) / 1000
        what = {"sections": sections, "description": sections[0].description, "duration": seconds}
    elif "prompt" not in values:
        raise InvalidFields({"prompt": ["Must be given where there is no composition_plan."]})
    return music_request(catalog, model=model, seed=values["seed"], **what)


def sound_request(settings: Settings, body: object, catalog: Catalog) -> MusicRequest:
    """Validate a decoded JSON body. Raises as `compose_request` does."""
    values = load(sound_schema(settings), body)
    return music_request(
        catalog,
        model=find_model(values.get("model_id"), catalog, catalog.sound_id),
        description=values["text"],
        duration=values["duration_seconds"],
        seed=secrets.randbelow(2**32),
        cfg_coef=guidance_of(values["prompt_influence"]),
        loop=values["loop"],
    )


def guidance_of(influence: float) -> float:
    """`prompt_influence` as `cfg_coef`: 1 (the text, not amplified) for 0, the model's own for ElevenLabs' default."""
    return 1.0 + influence / USUAL_INFLUENCE * (MusicRequest.cfg_coef - 1.0)


def find_model(name: str | None, catalog: Catalog, default: str) -> str:
    """The id of the model that `name` means: `default` where it is left out or ElevenLabs'.

    Raises:
        UnknownModel: it is neither ours nor ElevenLabs'.
    """
    if name is None or name.startswith(_OWN_MODELS):
        return default
    return catalog.find(name).id


def _by_prompt(values: dict[str, Any], settings: Settings) -> dict[str, Any]:
    default = min(MusicRequest.duration, settings.max_duration_s)
    length_ms = values.get("music_length_ms")
    return {"description": values.get("prompt"), "duration": default if length_ms is None else length_ms / 1000}


def _text(settings: Settings, *, required: bool = False) -> Text:
    return Text(
        required=required,
        validate=validate.Length(max=settings.max_prompt_chars),
        metadata={"description": "The sound, in words." if required else "The music, in words."},
    )


def _model() -> Text:
    return Text(
        metadata={"description": "An id of /api/models. Left out or a name of ElevenLabs': the service's default."}
    )
