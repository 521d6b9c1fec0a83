"""`POST /api/convert`: the same music as another kind of file, with its recipe. For downloads from the page."""

from __future__ import annotations

import dataclasses

import numpy as np
from flask import Blueprint, Response
from marshmallow import Schema, validate

from musicgen_api.apis.fields import Text, Upload
from musicgen_api.apis.form import load_fields
from musicgen_api.apis.rendering import FORMATS
from musicgen_api.apis.sounds import recipe_in, recording_of
from musicgen_api.audio.encode import encode
from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.audio.level import FULL_SCALE
from musicgen_api.audio.recipe import tags_of
from musicgen_api.audio.tags import NO_TAGS
from musicgen_api.domain.recipe import Recipe

blueprint = Blueprint("convert", __name__, url_prefix="/api")

_AS_WRITTEN = np.float32(32_768 / FULL_SCALE)
"""A file's 32,768 are read as 1, and 1 is written as 32,767. With this between, 16 bits stay the same 16 bits."""


CONVERT_SCHEMA = Schema.from_dict(
    {
        "file": Upload("A file with sound.", required=True),
        "format": Text(
            required=True,
            validate=validate.OneOf(FORMATS, error=f"Must be one of {', '.join(FORMATS)}."),
            metadata={"description": "What it becomes."},
        ),
    },
    name="ConvertRequest",
)()


@blueprint.post("/convert")
def convert() -> Response:
    """Answer with the file. Needs no model and takes no lock."""
    values = load_fields(CONVERT_SCHEMA)
    recording = recording_of("file", values["file"])
    recipe = recipe_in("file", values["file"])
    encoding = Encoding(Format(values["format"]))
    tags = NO_TAGS if recipe is None else tags_of(_for(recipe, values["format"]))
    file = encode(recording.samples * _AS_WRITTEN, recording.sample_rate, encoding, tags)
    response = Response(file, mimetype=encoding.content_type)
    response.headers.set("Content-Disposition", "attachment", filename=f"music.{encoding.extension}")
    response.headers["Cache-Control"] = "no-store"
    return response


def _for(recipe: Recipe, file_format: str) -> Recipe:
    """The recipe of the new file: how to make this kind of file again."""
    return dataclasses.replace(recipe, request={**recipe.request, "format": file_format})
