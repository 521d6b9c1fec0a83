"""Files for finished music: names from descriptions, and no file that is lost."""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import chain, count
from pathlib import Path

_LONGEST_SLUG = 40


def write_new(path: Path, data: bytes) -> Path:
    """Write a file that was not there; where `path` is taken, one beside it: beat.mp3, beat-2.mp3, ... The path.

    Raises:
        OSError: it cannot be written.
    """
    for candidate in chain([path], (path.with_stem(f"{path.stem}-{number}") for number in count(2))):
        with suppress(FileExistsError), candidate.open("xb") as file:
            file.write(data)
            return candidate
    raise AssertionError("numbers do not end")


def slug(description: str) -> str:
    """A name for a file: the description's first words. Letters of every script stay."""
    name = ""
    for word in re.findall(r"\w+", description.lower()):
        if name and len(name) + 1 + len(word) > _LONGEST_SLUG:
            break
        name = f"{name}-{word}" if name else word[:_LONGEST_SLUG]
    return name or "music"
