"""Fields that take JSON at its word: they refuse a value of another type and never convert it.

`"30"`, `true` and `30.5` are not integers, `1` and `"false"` not booleans, `"3"` and `true` not numbers.
A number without a fractional part, such as `30.0`, is an integer, as in JSON Schema.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping
from typing import Any

from marshmallow import fields


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


def reasons(messages: Mapping[Any, Any]) -> dict[str, list[str]]:
    """Marshmallow's reasons by the names of the outer fields; the reasons name the inner fields."""
    found: dict[str, list[str]] = {}
    for name, inner in messages.items():
        if isinstance(inner, list):
            found[str(name)] = inner
        else:
            found[str(name)] = [f"{key}: {' '.join(why)}" for key, why in reasons(inner).items()]
    return found


class Upload(fields.Field[bytes]):
    """A file's bytes: a part of multipart/form-data that is a file, or in JSON a `data:` URL in base64."""

    # For apispec, which knows nothing of such a field; in JSON it is the text of the URL.
    def __init__(self, description: str, *, required: bool = False) -> None:
        super().__init__(required=required, metadata={"type": "string", "format": "binary", "description": description})

    default_error_messages = {
        "invalid": "Must be a file: a part of multipart/form-data with a file name, or in JSON a data: URL in base64.",
        "base64": "Must be a data: URL in base64, data:audio/wav;base64,... What follows the comma is not base64.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bytes:
        if isinstance(value, bytes):
            return value
        if not isinstance(value, str) or (url := _DATA_URL.match(value)) is None:
            raise self.make_error("invalid")
        try:
            return base64.b64decode(value[url.end() :], validate=True)
        except (binascii.Error, ValueError):
            raise self.make_error("base64") from None


_DATA_URL = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
