"""Bodies of clients whose owner is not us: unknown fields are ignored, and null is a field that was left out.

Such clients send what their own service knows, and may send null for all that their user did not set. What we do read
is read as strictly as anywhere.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load

from musicgen_api.apis.fields import reasons
from musicgen_api.domain.errors import InvalidFields, NotJSON
from musicgen_api.domain.request import MusicRequest
from musicgen_api.models.catalog import Catalog


class _Lenient(Schema):
    class Meta:
        unknown = EXCLUDE

    @pre_load
    def leave_nulls_out(self, data: Any, **_options: Any) -> Any:
        return {name: value for name, value in data.items() if value is not None} if isinstance(data, dict) else data


def lenient_schema(name: str, **members: fields.Field[Any]) -> Schema:
    """A schema that is called `name` in the description."""
    for field in members.values():
        field.allow_none = not field.required  # for the description; no null is left when the fields are read
    return _Lenient.from_dict(dict(members), name=name)()


def load(schema: Schema, body: object) -> dict[str, Any]:
    """Validate a decoded JSON body.

    Raises:
        NotJSON: the body is not a JSON object.
        InvalidFields: fields are missing or out of range.
    """
    if not isinstance(body, dict):
        raise NotJSON("The body must be a JSON object.")
    try:
        values: dict[str, Any] = schema.load(body)
    except ValidationError as error:
        raise InvalidFields(reasons(error.messages_dict)) from None
    return values


def music_request(catalog: Catalog, **values: Any) -> MusicRequest:
    """The request of these fields; what they leave out is the model's default. A recipe is a request of the music
    document, whose durations are whole seconds, so the file has one only if its durations are.

    Raises:
        InvalidFields: the model cannot do this.
    """
    entry = catalog.find(values["model"])
    request = MusicRequest(**{**entry.defaults, **values})
    entry.check(request)
    whole = all(float(section.duration).is_integer() for section in request.parts)
    return dataclasses.replace(request, duration=round(request.duration) if whole else request.duration, recipe=whole)
