"""The two requests: their fields, limits and defaults."""

from __future__ import annotations

import secrets
from functools import cache
from typing import Any

from marshmallow import Schema, ValidationError, fields, missing, validate

from musicgen_api.apis.fields import StrictBoolean, StrictInteger, StrictNumber, Text, Upload, reasons
from musicgen_api.apis.rendering import FORMATS
from musicgen_api.apis.sounds import MOST_SECONDS, SHORTEST_S, continuation_of, recording_of
from musicgen_api.domain.errors import InvalidFields, NotJSON
from musicgen_api.domain.request import MAX_SEED, MusicRequest, Section
from musicgen_api.models.catalog import Catalog
from musicgen_api.settings import Settings

MAX_TAKES = 8
MAX_SECTIONS = 20

LOUDNESS = (-30.0, -5.0)
"""In LUFS; music services play at -14."""

MAX_CFG_COEF = 100.0
"""Either way; beyond, guidance only drowns the logits' precision. 3 is usual, 10 is a lot."""


@cache
def generate_schema(settings: Settings) -> Schema:
    """The body of `POST /generate`: model, prompt, duration; seed, and how the file is made."""
    return _schema(
        "GenerateRequest",
        model=Text(required=True, metadata={"description": "Id of a model of the catalogue."}),
        prompt=_description(settings),
        **_shared(settings),
    )


def sampling_fields() -> dict[str, fields.Field[Any]]:
    """How the next code is chosen: new fields for a schema of any family."""
    return {
        "top_k": StrictInteger(
            load_default=MusicRequest.top_k,
            validate=validate.Range(min=1),
            metadata={"description": "Sample among the k likeliest tokens. More than there are means all of them."},
        ),
        "top_p": StrictNumber(
            load_default=MusicRequest.top_p,
            validate=validate.Range(min=0, max=1),
            metadata={"description": "Sample among the likeliest tokens that sum up to p. 0: off, top_k decides."},
        ),
        "temperature": StrictNumber(
            load_default=MusicRequest.temperature,
            validate=validate.Range(min=0, min_inclusive=False),
            metadata={"description": "Below 1 safer, above 1 more adventurous."},
        ),
    }


@cache
def music_schema(settings: Settings) -> Schema:
    """The body of `POST /api/music`: description, duration and the sampling parameters; model, seed."""
    return _schema(
        "MusicRequest",
        description=_description(settings, required=False),
        mbd=StrictBoolean(
            load_default=MusicRequest.mbd,
            metadata={"description": "Decode with MultiBand Diffusion: slower, fewer artefacts."},
        ),
        **sampling_fields(),
        cfg_coef=StrictNumber(
            load_default=MusicRequest.cfg_coef,
            validate=validate.Range(min=-MAX_CFG_COEF, max=MAX_CFG_COEF),
            metadata={"description": "Classifier-free guidance: how closely the text is followed."},
        ),
        takes=StrictInteger(
            load_default=MusicRequest.takes,
            validate=validate.Range(min=1, max=MAX_TAKES),
            metadata={"description": "The number of pieces in one job, from the seeds s, s + 1, ..."},
        ),
        description_used=_description_used(settings),
        sections=fields.List(
            fields.Nested(_section_schema(settings)),
            validate=validate.Length(min=1, max=MAX_SECTIONS),
            metadata={"description": "Parts that follow each other, instead of description and duration."},
        ),
        live=StrictBoolean(
            load_default=MusicRequest.live,
            metadata={"description": "Send the sound while it is made. One take, without mbd."},
        ),
        model=Text(
            load_default=settings.default_model,
            metadata={"description": "Id of a model of the catalogue; the service's default if left out."},
        ),
        **_shared(settings),
    )


def load_request(schema: Schema, body: object, catalog: Catalog) -> MusicRequest:
    """Validate a decoded JSON body.

    Raises:
        NotJSON: the body is not a JSON object.
        InvalidFields: fields are missing, unknown or out of range.
        UnknownModel: only the model is wrong.
    """
    if not isinstance(body, dict):
        raise NotJSON("The body must be a JSON object.")
    values = _validate(schema, _with_defaults_of_the_model(schema, body, catalog))
    model = catalog.find(values["model"])
    if "melody" in values and model.melody is False:
        able = ", ".join(entry.id for entry in catalog if entry.melody)
        raise InvalidFields({"melody": [f"{model.id} cannot follow a melody. These can: {able}."]})
    request = MusicRequest(**{**model.defaults, **_with_sound(values | {"model": model.id})})
    model.check(request)
    return request


def _with_defaults_of_the_model(schema: Schema, body: dict[str, Any], catalog: Catalog) -> dict[str, Any]:
    """`body`, and what it leaves out where the model that it names has defaults of its own."""
    defaults = catalog.defaults_of(body.get("model", schema.fields["model"].load_default))
    left_out = {name: value for name, value in defaults.items() if name in schema.fields and name not in body}
    if "sections" in body:
        left_out.pop("duration", None)
    return left_out | body


def check_request(schema: Schema, told: dict[str, Any], catalog: Catalog) -> None:
    """Check a recipe's request, which has no files: those that it needs are somebody's own.

    Raises:
        InvalidFields: `load_request` would refuse it whatever the files are.
    """
    begun = {"continuation": b""} if "continuation_end" in told else {}
    catalog.find(_validate(schema, told | begun)["model"])


def _validate(schema: Schema, body: dict[str, Any]) -> dict[str, Any]:
    """The fields' values. Raises InvalidFields."""
    undescribed = {} if _says_what(schema, body) else {"description": ["Missing data for required field."]}
    try:
        values = schema.load(body)
        _agree(schema, body, values)
    except ValidationError as error:
        raise InvalidFields(undescribed | reasons(error.messages_dict)) from None
    if undescribed:
        raise InvalidFields(undescribed)
    return dict(values)


def _with_sound(values: dict[str, Any]) -> dict[str, Any]:
    """`values` with sound in place of files. Raises as `sounds` does."""
    start_s, end_s = (
        values.pop(name, default) for name, default in (("continuation_start", 0.0), ("continuation_end", None))
    )
    if "continuation" in values:
        kept = continuation_of("continuation", values["continuation"], start_s, end_s)
        if values["duration"] < kept.duration_s + SHORTEST_S:
            longer = (
                f"Must be longer than what is kept of continuation, {kept.duration_s:.2f} s: it is the whole result."
            )
            raise InvalidFields({"sections" if values.get("sections") else "duration": [longer]})
        values["continuation"] = kept
    if "melody" in values:
        values["melody"] = recording_of("melody", values["melody"])
    return values


def _says_what(schema: Schema, body: dict[str, Any]) -> bool:
    """Whether the music is described, where it may be in either of two fields."""
    return "sections" not in schema.fields or "description" in body or "sections" in body


def _agree(schema: Schema, body: dict[str, Any], values: dict[str, Any]) -> None:
    """Check fields against each other, and let sections say how long the piece is. Raises ValidationError."""
    sections = values.get("sections")
    if sections:
        double = [name for name in ("description", "description_used", "duration") if name in body]
        if double:
            raise ValidationError({name: ["Must be left out where sections are given."] for name in double})
        values["sections"] = tuple(Section(**section) for section in sections)
        values["description"] = sections[0]["description"]
        values["duration"] = sum(section["duration"] for section in sections)
        try:
            schema.fields["duration"].deserialize(values["duration"])
        except ValidationError as error:
            raise ValidationError({"sections": [f"In all {values['duration']} seconds. {error.messages[0]}"]}) from None
    fades = [name for name in ("fade_in", "fade_out") if values[name] > 0]
    if sum(values[name] for name in fades) > values["duration"]:
        reason = f"The fades must fit into the duration of {values['duration']} seconds."
        raise ValidationError({name: [reason] for name in fades})
    if values["loop"] and fades:
        raise ValidationError({name: ["Must be left out of a loop: its ends meet."] for name in fades})
    orphans = [
        name for name in ("continuation_start", "continuation_end") if name in body and "continuation" not in body
    ]
    if orphans:
        raise ValidationError({name: ["Needs continuation: the music to go on from."] for name in orphans})
    if values.get("live") and values["loop"]:
        raise ValidationError({"live": ["Must be without loop: a loop's beginning is made of its end."]})
    if values.get("live") and values["takes"] > 1:
        raise ValidationError({"live": ["Must be one take: sound that is sent while it is made is one piece."]})
    if values.get("live") and values["mbd"]:
        raise ValidationError({"live": ["Must be without mbd: diffusion needs the whole piece."]})


@cache
def _section_schema(settings: Settings) -> Schema:
    return _schema(
        "Section",
        description=_description(settings),
        description_used=_description_used(settings),
        duration=StrictInteger(
            required=True,
            validate=validate.Range(min=1, max=settings.max_duration_s),
            metadata={"description": "Length of this part in seconds."},
        ),
    )


def _schema(name: str, **members: fields.Field[Any]) -> Schema:
    for field in members.values():
        if not field.required and field.attribute != "description":  # one of it and sections is required
            field.error_messages["null"] = "Must not be null: leave the field out to get its default."
    return Schema.from_dict(dict(members), name=name)()


def _description(settings: Settings, *, required: bool = True) -> Text:
    return Text(
        required=required,
        attribute="description",  # whatever the document calls it
        validate=validate.Length(max=settings.max_prompt_chars),
        metadata={"description": "The music, in words."},
    )


def _description_used(settings: Settings) -> Text:
    return Text(
        validate=validate.Length(max=4 * settings.max_prompt_chars),
        metadata={"description": "From a recipe: what the model read, in place of translating the description again."},
    )


def _shared(settings: Settings) -> dict[str, fields.Field[Any]]:
    return {
        "duration": StrictInteger(
            load_default=min(MusicRequest.duration, settings.max_duration_s),
            validate=validate.Range(min=1, max=settings.max_duration_s),
            metadata={"description": "Length of the music in seconds."},
        ),
        "seed": StrictInteger(
            load_default=lambda: secrets.randbelow(2**32),
            validate=validate.Range(min=0, max=MAX_SEED),
            metadata={"description": "Makes a result repeatable on the same machine. Drawn at random if left out."},
        ),
        **_uploads(),
        **_file(settings),
    }


def _uploads() -> dict[str, fields.Field[Any]]:
    """What the piece is made from, besides words."""
    return {
        "continuation": Upload("A file of music to go on from. duration is the whole result, what is kept included."),
        "continuation_start": StrictNumber(
            validate=validate.Range(min=0, max=MOST_SECONDS),
            metadata={"description": "Seconds into continuation at which the kept part begins; 0 by default."},
        ),
        "continuation_end": StrictNumber(
            validate=validate.Range(min=0, max=MOST_SECONDS),
            metadata={"description": "Seconds into continuation at which the kept part ends; its end by default."},
        ),
        "melody": Upload("A recording of the tune to follow. For melody models."),
    }


def _file(settings: Settings) -> dict[str, fields.Field[Any]]:
    """How the piece becomes a file."""
    return {
        "format": Text(
            validate=validate.OneOf(FORMATS, error=f"Must be one of {', '.join(FORMATS)}."),
            metadata={
                "description": "File, wav by default. opus is Ogg at 48 kHz, aac M4A, pcm bare 16-bit little endian."
            },
        ),
        "loudness": StrictNumber(
            validate=validate.Range(*LOUDNESS),
            metadata={"description": "Integrated loudness in LUFS, true peak at most -1 dB. Left as it is by default."},
        ),
        "loop": StrictBoolean(
            load_default=MusicRequest.loop,
            metadata={"description": "The end runs into the beginning. Not with fades, nor live."},
        ),
        "fade_in": _fade(settings, MusicRequest.fade_in, "Seconds from silence, at the beginning."),
        "fade_out": _fade(settings, MusicRequest.fade_out, "Seconds to silence, at the end."),
        "recipe": StrictBoolean(
            load_default=MusicRequest.recipe,
            metadata={"description": "Say in the file how it was made: prompt, parameters, seed, model, codes."},
        ),
    }


def _fade(settings: Settings, default: float, description: str) -> StrictNumber:
    return StrictNumber(
        load_default=default,
        validate=validate.Range(min=0, max=settings.max_duration_s),
        metadata={"description": f"{description} Both fades together are no longer than the duration."},
    )


def defaults(schema: Schema) -> dict[str, Any]:
    """The default of every optional field that has a fixed one."""
    return {
        name: field.load_default
        for name, field in schema.fields.items()
        if not field.required and not callable(field.load_default) and field.load_default is not missing
    }
