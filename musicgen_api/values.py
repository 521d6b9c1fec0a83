"""How the text of a variable becomes a value: what is taken off it, and what it has to be.

Each check raises marshmallow's `ValidationError` with the end of a sentence that begins with the value. Knows no
variable's name, and imports neither torch nor the hub's client.
"""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from collections.abc import Callable
from typing import Any

from marshmallow import ValidationError, fields, validate

MODEL_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)
"""ASCII only: an id stands in a header of the answer and in the file's name."""

HUB_ID = re.compile(r"(?!.*(--|\.\.|\.git$))(?=.{1,96}$)(\w[\w.-]*/)?(\w|\w[\w.-]*\w)", re.ASCII)
"""What the hub's own client accepts (huggingface_hub, utils/_validators.py)."""

KINDS: dict[str, fields.Field[Any]] = {
    "int": fields.Integer(error_messages={"invalid": "is not a whole number."}),
    "float": fields.Float(
        error_messages={"invalid": "is not a number.", "special": "is not a finite number."}, allow_nan=False
    ),
    "bool": fields.Boolean(error_messages={"invalid": "is neither true nor false."}),
    "str": fields.String(),
}
"""The parser of each type of setting."""


def clean(text: str) -> str:
    """`text` without what gets around a value on its way: spaces, line ends, one pair of matching quotes.

    Env files are read differently by shells, systemd, Docker and compose: some keep the quotes, some the CR of a file
    that was written on Windows.
    """
    text = text.strip()
    if len(text) >= 2 and text[0] in "'\"" and text.find(text[0], 1) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def between(least: float, most: float) -> validate.Range:
    """A check for numbers, both ends included."""
    return validate.Range(min=least, max=most, error="is not between {min} and {max}.")


def one_of(*choices: str) -> validate.OneOf:
    """A check for words."""
    return validate.OneOf(choices, error="is not one of {choices}.")


def is_device(value: str) -> None:
    """Check a device's name."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", value):
        raise ValidationError("is not auto, cpu, cuda or cuda:N.")


def is_model_id(value: str) -> None:
    """Check an id of the catalogue."""
    if not MODEL_ID.fullmatch(value):
        raise ValidationError("is not a model id such as facebook/musicgen-small.")


def is_host(value: str) -> None:
    """Check the form of an address to listen on; whether this machine has it is seen when it is bound."""
    if ":" in value:
        try:
            ipaddress.IPv6Address(value)
        except ValueError:
            raise ValidationError("is not an address; a port belongs into PORT.") from None
    elif not re.fullmatch(r"[\w.-]+", value, re.ASCII):
        raise ValidationError("is neither an IP address nor the name of a host.")


def parse_models(text: str) -> dict[str, str]:
    """`id=source,id=source` -> {id: source}; a source is a folder, with `~` expanded, or a hub id."""
    models = {}
    for item in filter(None, map(clean, text.split(","))):
        model_id, separator, source = map(clean, item.partition("="))
        if not (separator and source and MODEL_ID.fullmatch(model_id)):
            raise ValidationError(f"has {item!r}, which does not read id=folder or id=hub-id; ids are ASCII.")
        models[model_id] = os.path.expanduser(source)
    return models


def has_sources(text: str) -> None:
    """Check `id=source,...` and that each source is there, as far as this machine knows."""
    for model_id, source in parse_models(text).items():
        try:
            is_folder_or_hub_id(source)
        except ValidationError as error:
            raise ValidationError(f"cannot serve {model_id}: {source!r} {error.messages[0]}") from None


def has_translators(text: str) -> None:
    """Check `language=source,...` in the same way."""
    has_sources(text)
    for language in parse_models(text):
        if not re.fullmatch("[a-z]{2,3}", language):
            raise ValidationError(
                f"has {language!r}, which is no code of a language such as fr, or mul for all others."
            )


def is_folder_or_hub_id(source: str) -> None:
    """Check a model's source."""
    _is_here_or_on_hub(source, stat.S_ISDIR, "folder")


def is_file_or_hub_id(source: str) -> None:
    """Check the source of the diffusion's weights."""
    _is_here_or_on_hub(source, stat.S_ISREG, "file")


def _is_here_or_on_hub(source: str, is_right: Callable[[int], bool], kind: str) -> None:
    """What looks like a path has to exist, so that a slip of the pen is not taken for a hub id."""
    looks_like_path = source.startswith(("/", ".", "~")) or "\\" in source or source.count("/") > 1
    may_be_on_hub = HUB_ID.fullmatch(source) and not looks_like_path
    try:
        mode = os.stat(source).st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = None
    except OSError as error:
        raise ValidationError(f"cannot be looked at: {error.strerror}.") from None
    if mode is not None and is_right(mode):
        if not os.access(source, os.R_OK | os.X_OK if stat.S_ISDIR(mode) else os.R_OK, effective_ids=True):
            raise ValidationError("may not be read by the user of this process.")
    elif not may_be_on_hub:
        what = "does not exist" if mode is None else f"is not a {kind}"
        raise ValidationError(f"{what}; it has to be a {kind} or a hub id such as facebook/musicgen-small.")
