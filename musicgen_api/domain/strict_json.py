"""JSON from somebody else: what no other reader takes, or what could not be written again, is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

MOST_NESTED = 64
"""Lists and objects in each other. Python's own limit lies where the stack happens to end: other code still has to
walk through the value."""


def loads(text: bytes | str, *, parse_float: Callable[[str], float] = float) -> Any:
    """The value. A number that is too large for a float becomes infinite, if `parse_float` does not refuse it.

    Raises:
        ValueError: the text is not JSON (NaN and Infinity, which Python's reader would accept, are not).
        RecursionError: it is nested too deeply.
    """
    value = json.loads(text, parse_constant=_refuse_constant, parse_float=parse_float)
    _check_nesting(value)
    return value


def finite(text: str) -> float:
    """A float, for `loads`. Raises `ValueError` where it would be infinite: JSON cannot say that again."""
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large")
    return number


def text_length(value: Any) -> int:
    """Characters of all texts in the value, names included."""
    length, inner = 0, [value]
    while inner:
        one = inner.pop()
        if isinstance(one, str):
            length += len(one)
        elif isinstance(one, dict):
            length += sum(map(len, one))
        inner += _inside(one)
    return length


def _check_nesting(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(MOST_NESTED + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise RecursionError


def _inside(value: Any) -> Iterable[Any]:
    match value:
        case dict():
            return value.values()
        case list():
            return value
        case _:
            return ()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
