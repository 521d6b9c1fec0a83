"""The options of the command line become an order for the service. Knows neither the network nor the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from musicgen_api.cli.words import RANDOM
from musicgen_api.client.messages import Order, Upload

FIELDS = (
    "description", "duration", "model", "seed", "takes", "format", "loop", "loudness", "fade_in", "fade_out",
    "mbd", "top_k", "top_p", "temperature", "cfg_coef", "recipe",
)  # fmt: skip
"""Options that are fields of `POST /api/music`, by their names there. One that is not given is None."""

_KEPT = ("continuation_start", "continuation_end")


@dataclass(frozen=True)
class Recipe:
    """The recipe that the options override."""

    request: Mapping[str, Any] = field(default_factory=dict)
    """The fields of `POST /api/music` that make the piece again."""
    piece: Upload | None = None
    """The file that has the recipe; None: the recipe came alone."""


def make_order(options: Mapping[str, Any], recipe: Recipe) -> Order:
    """What to send.

    Raises:
        click.UsageError: the options do not fit each other, or a file cannot be read.
    """
    uploads = {
        name: read(options[option])
        for name, option in {"continuation": "continue_from", "melody": "melody"}.items()
        if options[option] is not None
    }
    base = recipe.request
    if "continuation" in uploads:
        base = {name: value for name, value in base.items() if name not in _KEPT}
    elif recipe.piece is not None and any(name in base for name in _KEPT):
        uploads["continuation"] = recipe.piece  # a piece that continues other music opens with it
    own = {name: options[name] for name in FIELDS if options[name] is not None}
    if options["section"]:
        own["sections"] = list(options["section"])
    if options["keep"] is not None:
        if "continuation" not in uploads:
            raise click.UsageError("--keep says which part of --continue-from FILE is kept; there is no such file.")
        own |= {name: second for name, second in zip(_KEPT, options["keep"], strict=True) if second is not None}
    fields = combine(base, own)
    if not ("description" in fields or "sections" in fields):
        raise click.UsageError('Say what the music should sound like: musicgen "calm solo piano"')
    return Order(fields, uploads)


def combine(recipe: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a recipe, with one's own above them. One description and sections exclude each other."""
    fields = {**recipe, **own}
    if "sections" in own:
        for name in ("description", "duration"):
            if name not in own:
                fields.pop(name, None)
    elif "description" in own and "sections" in fields:
        seconds = [section["duration"] for section in fields.pop("sections")]
        fields.setdefault("duration", sum(seconds))
    if fields.get("seed") == RANDOM:
        del fields["seed"]
    return fields


def read(path: Path) -> Upload:
    """The file at `path`. Raises click.UsageError."""
    try:
        return Upload.of(path)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}.") from None


def request_in(text: bytes) -> dict[str, Any] | None:
    """The request of a recipe that is JSON, as `POST /api/recipe` gives it; None where the file is something else."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    request = body.get("request", body) if isinstance(body, dict) else None
    return request if isinstance(request, dict) else None
