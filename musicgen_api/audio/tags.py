"""The names under which a file says things of itself, whatever its format."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

TITLE = "title"
COMMENT = "comment"
MAKER = "encoded_by"  # FFmpeg writes `encoder` itself, or leaves it out
RECIPE = "MUSICGEN_RECIPE"
"""How the piece was made: one line of JSON in ASCII (`recipe.py`)."""

NO_TAGS: Mapping[str, str] = MappingProxyType({})


def one_line(text: str, limit: int) -> str:
    """Anybody's text as a tag: without control characters and lone surrogates, cut to `limit` characters."""
    plain = "".join(" " if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in text)
    line = " ".join(plain.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
