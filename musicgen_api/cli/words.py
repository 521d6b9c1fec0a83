"""How the words of a command line become values."""

from __future__ import annotations

import math
from typing import Any

import click

RANDOM = "random"


class Section(click.ParamType[dict[str, Any]]):
    """`description=seconds`: a part of a piece."""

    name = "DESCRIPTION=SECONDS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """As the API spells it."""
        if isinstance(value, dict):
            return value
        description, separator, seconds = value.rpartition("=")
        if not (separator and description.strip() and seconds.strip().isdecimal()):
            self.fail(f'{value!r} does not read DESCRIPTION=SECONDS, such as "soft piano=10".', param, ctx)
        return {"description": description.strip(), "duration": int(seconds)}


class Span(click.ParamType[tuple[float | None, float | None]]):
    """`12`, `5-12` or `5-`: a part of a file, in seconds."""

    name = "[START-]END"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float | None, float | None]:
        """Start and end; None: the file's own."""
        if isinstance(value, tuple):
            return value
        start, separator, end = value.rpartition("-")
        try:
            span = (_seconds(start) if separator else None, _seconds(end) if end else None)
        except ValueError:
            span = (None, None)
        if span == (None, None):
            self.fail(f"{value!r} is neither seconds, such as 12, nor a part of the file, such as 5-12.", param, ctx)
        return span


class Seed(click.ParamType[int | str]):
    """An integer, or `random`."""

    name = f"INTEGER|{RANDOM}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """The integer; whether it is in range is for the service to say."""
        if value == RANDOM:
            return RANDOM
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r} is neither an integer nor {RANDOM!r}.", param, ctx)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(text)
    return seconds
