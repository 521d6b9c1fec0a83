"""The fields of a request that may have uploads: in JSON, or as parts of `multipart/form-data`. All of it in memory.

Parts have the names of the fields. A field that is not text is written as in JSON: `30`, `true`, `[{...}]`. One part
with the name `request` may hold fields as a JSON object, instead of other parts or beside them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from flask import request
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from musicgen_api.apis.fields import Text, Upload
from musicgen_api.apis.json_body import decode, read_json, refuse_compressed, refuse_large
from musicgen_api.apis.services import settings
from musicgen_api.domain.errors import InvalidFields, NotJSON, RequestError, UnsupportedMediaType
from musicgen_api.domain.strict_json import text_length

PATHS = ("/generate", "/api/music", "/api/recipe", "/api/convert")
"""Where bodies may be as large as `Settings.max_upload_bytes` says."""

_MOST_PARTS = 100
_REQUEST = "request"


def read_fields(schema: Schema) -> Any:
    """The current request's body as JSON has it; a file that came as a part is `bytes`.

    Raises:
        UnsupportedMediaType: the Content-Type is another one.
        NotJSON: the body, or its part `request`, is not JSON.
        InvalidFields: a field is there twice.
        RequestError: the parts cannot be told from each other.
        werkzeug.exceptions.RequestEntityTooLarge: the body, or what is not an upload of it, is over its limit.
        werkzeug.exceptions.UnsupportedMediaType: the body is compressed.
    """
    request.max_content_length = settings().max_upload_bytes
    if request.mimetype != "multipart/form-data":
        return _read_json(schema)
    refuse_compressed()
    fields: dict[str, Any] = {}
    size = 0
    for name, content in _parts():
        field = schema.fields.get(name)
        value: Any = content
        if not (isinstance(field, Upload) and isinstance(content, bytes)):
            size += len(content)
            refuse_large(size)
            value = _value(field, _text(name, content))
        more = _object(value) if name == _REQUEST else {name: value}
        if double := fields.keys() & more.keys():
            raise InvalidFields({name: ["Must be given once."] for name in sorted(double)})
        fields |= more
    return fields


def _read_json(schema: Schema) -> Any:
    body = read_json()
    if isinstance(body, dict):
        uploads = {name for name, field in schema.fields.items() if isinstance(field, Upload)}
        refuse_large(text_length({name: value for name, value in body.items() if name not in uploads}))
    return body


def load_fields(schema: Schema) -> dict[str, Any]:
    """The current request's body, validated.

    Raises:
        NotJSON: the body is not a JSON object.
        InvalidFields: fields are missing, unknown or wrong.
        and whatever `read_fields` raises.
    """
    body = read_fields(schema)
    if not isinstance(body, dict):
        raise NotJSON("The body must be a JSON object.")
    try:
        return dict(schema.load(body))
    except ValidationError as error:
        raise InvalidFields(error.messages_dict) from None


def _parts() -> Iterator[tuple[str, str | bytes]]:
    """Names and contents; a part with a file name is `bytes`."""
    if not request.mimetype_params.get("boundary"):
        raise UnsupportedMediaType("The body must be application/json, or multipart/form-data with its boundary.")
    # The parser that Flask takes by itself writes what is larger than 500 kB to a file.
    parser = FormDataParser(
        stream_factory=lambda *args, **kwargs: io.BytesIO(),
        max_form_memory_size=settings().max_upload_bytes,
        max_form_parts=_MOST_PARTS,
        silent=False,
    )
    try:
        _, texts, files = parser.parse(
            request.stream, request.mimetype, request.content_length, dict(request.mimetype_params)
        )
    except RequestEntityTooLarge:
        raise
    except ValueError:
        raise RequestError("The body is not valid multipart/form-data.") from None
    yield from texts.items(multi=True)
    for name, file in files.items(multi=True):
        assert isinstance(file.stream, io.BytesIO)
        yield name, file.stream.getvalue()


def _text(name: str, content: str | bytes) -> str:
    """A part's text. Some clients send text with a file name as well."""
    try:
        return content if isinstance(content, str) else content.decode()
    except UnicodeDecodeError:
        raise InvalidFields({name: ["Must be text in UTF-8, not a file."]}) from None


def _value(field: object, text: str) -> Any:
    """What JSON would have: the text, or what it spells. What spells nothing is left for the field to refuse."""
    if field is not None and not isinstance(field, Text | Upload):
        try:
            return decode(text)
        except NotJSON:
            return text
    return text


def _object(text: str) -> dict[str, Any]:
    fields = decode(text)
    if not isinstance(fields, dict):
        raise NotJSON("The part `request` must be a JSON object.")
    return fields
