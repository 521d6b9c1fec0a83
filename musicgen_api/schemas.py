"""The two requests: their fields, strict types and limits.

JSON types are taken at their word: `"30"`, `true` and `30.5` are no integer, `1` and `"false"` no boolean, `"3"` and
`true` no number. A number without a fractional part, such as `30.0`, is an integer, as in JSON Schema.
"""

from __future__ import annotations

import math
import secrets
from functools import cache
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from musicgen_api.errors import InvalidFields, NotJSON
from musicgen_api.settings import Settings
from musicgen_api.synthesis.catalog import Catalog
from musicgen_api.synthesis.request import MusicRequest

MAX_SEED = 2**53 - 1
"""Largest integer that every JSON reader keeps exactly (RFC 8259, section 6)."""

MAX_CFG_COEF = 100.0
"""Either way; beyond, guidance only drowns the logits' precision. 3 is usual, 10 is a lot."""


class StrictInteger(fields.Integer):
    """A JSON number without a fractional part."""

    default_error_messages = {"invalid": "Must be an integer."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise self.make_error("invalid")
        return int(value)


class StrictNumber(fields.Float):
    """A finite JSON number."""

    default_error_messages = {"invalid": "Must be a number.", "special": "Must be a finite number."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.make_error("invalid")
        try:
            number = float(value)
        except OverflowError:
            raise self.make_error("special") from None
        if not math.isfinite(number):
            raise self.make_error("special")
        return number


class StrictBoolean(fields.Boolean):
    """`true` or `false`."""

    default_error_messages = {"invalid": "Must be true or false."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class Text(fields.String):
    """Text with something to read in it, that every Unicode encoding can carry."""

    default_error_messages = {
        "invalid": "Must be text.",
        "blank": "Must not be blank.",
        "surrogate": "Must be valid Unicode: it holds half of a surrogate pair.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise self.make_error("surrogate")
        if not any(character.isprintable() and not character.isspace() for character in value):
            raise self.make_error("blank")
        return value


@cache
def generate_schema(settings: Settings) -> Schema:
    """The body of `POST /generate`: model, prompt, duration; seed."""
    return _schema(
        "GenerateRequest",
        model=Text(required=True, metadata={"description": "Id of a model of the catalogue."}),
        prompt=_prompt(settings),
        **_shared(settings),
    )


@cache
def music_schema(settings: Settings) -> Schema:
    """The body of `POST /api/music`: description, duration and the sampling parameters; model, seed."""
    return _schema(
        "MusicRequest",
        description=_prompt(settings),
        mbd=StrictBoolean(
            load_default=False,
            metadata={"description": "Decode with MultiBand Diffusion: slower, fewer artefacts."},
        ),
        top_k=StrictInteger(
            load_default=250,
            validate=validate.Range(min=1),
            metadata={"description": "Sample among the k likeliest tokens. More than there are means all of them."},
        ),
        top_p=StrictNumber(
            load_default=0.0,
            validate=validate.Range(min=0, max=1),
            metadata={"description": "Sample among the likeliest tokens that sum up to p. 0: off, top_k decides."},
        ),
        temperature=StrictNumber(
            load_default=1.0,
            validate=validate.Range(min=0, min_inclusive=False),
            metadata={"description": "Below 1 safer, above 1 more adventurous."},
        ),
        cfg_coef=StrictNumber(
            load_default=3.0,
            validate=validate.Range(min=-MAX_CFG_COEF, max=MAX_CFG_COEF),
            metadata={"description": "Classifier-free guidance: how closely the text is followed."},
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
        NotJSON: the body is no JSON object.
        InvalidFields: fields are missing, unknown or out of range.
        UnknownModel: all is well but the model.
    """
    if not isinstance(body, dict):
        raise NotJSON("The body must be a JSON object.")
    try:
        values = schema.load(body)
    except ValidationError as error:
        reasons: dict[str, list[str]] = error.normalized_messages()  # type: ignore[no-untyped-call]
        raise InvalidFields(reasons) from None
    values["description"] = values.pop("prompt", None) or values.get("description")
    values["model"] = catalog.find(values["model"]).id
    return MusicRequest(**values)


def _schema(name: str, **members: fields.Field[Any]) -> Schema:
    return Schema.from_dict(dict(members), name=name)()


def _prompt(settings: Settings) -> Text:
    return Text(
        required=True,
        validate=validate.Length(max=settings.max_prompt_chars),
        metadata={"description": "The music, in words."},
    )


def _shared(settings: Settings) -> dict[str, fields.Field[Any]]:
    return {
        "duration": StrictInteger(
            load_default=min(30, settings.max_duration_s),
            validate=validate.Range(min=1, max=settings.max_duration_s),
            metadata={"description": "Length of the music in seconds."},
        ),
        "seed": StrictInteger(
            load_default=lambda: secrets.randbelow(2**32),
            validate=validate.Range(min=0, max=MAX_SEED),
            metadata={"description": "Makes a result repeatable on the same machine. Drawn at random if left out."},
        ),
    }


def defaults(schema: Schema) -> dict[str, Any]:
    """The default of every optional field that has a fixed one."""
    return {
        name: field.load_default
        for name, field in schema.fields.items()
        if not field.required and not callable(field.load_default)
    }
