"""`POST /api/recipe`: a file in, out what it says of how it was made."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from marshmallow import Schema

from musicgen_api.apis.documents.schemas import check_request, music_schema
from musicgen_api.apis.fields import Upload
from musicgen_api.apis.form import load_fields
from musicgen_api.apis.services import catalog, settings
from musicgen_api.apis.sounds import recipe_in
from musicgen_api.audio.recipe import as_json
from musicgen_api.domain.errors import InvalidFields, NoRecipe
from musicgen_api.domain.recipe import Recipe

blueprint = Blueprint("recipe", __name__, url_prefix="/api")

RECIPE_SCHEMA = Schema.from_dict(
    {"file": Upload("A file that this service, or another of its kind, has made.", required=True)},
    name="RecipeRequest",
)()


@blueprint.post("/recipe")
def read_recipe() -> dict[str, Any]:
    """The recipe in the uploaded file. Its request is one that this service takes."""
    recipe = recipe_in("file", load_fields(RECIPE_SCHEMA)["file"])
    if recipe is None:
        raise NoRecipe("file")
    _check(recipe)
    return as_json(recipe)


def _check(recipe: Recipe) -> None:
    """Raise `InvalidFields` where the recipe asks for what `/api/music` refuses."""
    try:
        check_request(music_schema(settings()), dict(recipe.request), catalog())
    except InvalidFields as error:
        raise InvalidFields({"file": [f"Its recipe does not fit this service. {error.message}"]}) from None
