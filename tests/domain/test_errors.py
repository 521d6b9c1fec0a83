from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from musicgen_api.domain import errors
from musicgen_api.domain.errors import (
    Busy,
    DeviceLost,
    InvalidFields,
    MusicGenError,
    ShuttingDown,
    UnknownModel,
    error_body,
)


def descendants(kind: type[MusicGenError]) -> Iterator[type[MusicGenError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from descendants(child)


TREE = list(dict.fromkeys(descendants(MusicGenError)))


@pytest.mark.parametrize("kind", TREE)
def test_every_error_has_a_status_and_a_code_in_snake_case(kind: type[MusicGenError]) -> None:
    assert 400 <= kind.status <= 599
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)


def test_no_two_errors_share_a_code() -> None:
    codes = [kind.code for kind in TREE]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("kind", TREE)
def test_the_tree_at_the_top_of_the_module_names_every_error(kind: type[MusicGenError]) -> None:
    assert errors.__doc__ is not None
    assert re.search(rf"\b{kind.__name__}\b", errors.__doc__)


def drawn_parents(tree: str) -> dict[str, str]:
    """The parent of each class in a tree that is drawn with a column of four characters a level."""
    parents, path = {}, ["MusicGenError"]
    for branches, name in re.findall(r"^    ((?:[│ ]   )*[├└]── )(\w+)", tree, re.MULTILINE):
        level = len(branches) // 4
        parents[name] = path[level - 1]
        path[level:] = [name]
    return parents


def test_the_tree_at_the_top_of_the_module_draws_each_error_under_its_parent() -> None:
    assert errors.__doc__ is not None
    assert drawn_parents(errors.__doc__) == {
        kind.__name__: kind.__base__.__name__ for kind in TREE[1:] if kind.__base__
    }


def test_the_body_is_the_sentence_and_the_code() -> None:
    assert error_body(DeviceLost("It is gone.")) == {"error": "It is gone.", "code": "device_lost"}


def test_the_body_of_invalid_fields_names_each_and_says_why() -> None:
    body = error_body(InvalidFields({"seed": ("Must be an integer.",), "top_p": ("Too big.", "Too odd.")}))
    assert body["fields"] == {"seed": ["Must be an integer."], "top_p": ["Too big.", "Too odd."]}
    assert all(text in body["error"] for text in ["seed", "Must be an integer.", "top_p", "Too big. Too odd."])


def test_the_body_carries_the_id_under_which_the_log_holds_the_trace() -> None:
    error = MusicGenError("Something broke.")
    error.trace_id = "abc123"
    assert error_body(error) == {"error": "Something broke.", "code": "internal_error", "id": "abc123"}


def test_an_unknown_model_says_which_are_known() -> None:
    body = error_body(UnknownModel(["a/b", "c/d"]))
    assert body["code"] == "unknown_model"
    assert "a/b, c/d" in body["fields"]["model"][0]


@pytest.mark.parametrize("error", [Busy(7), ShuttingDown()])
def test_what_is_unavailable_says_after_how_many_seconds_to_try_again(error: errors.Unavailable) -> None:
    assert (error.status, type(error.retry_after_s)) == (503, int)
    assert error.retry_after_s > 0
