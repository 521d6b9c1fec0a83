from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from musicgen_api import values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a", "a"),
        ("", ""),
        ("  a b\r\n", "a b"),
        ('"a"', "a"),
        ("' a '", "a"),
        ("\"'a'\"", "'a'"),  # one pair
        ('"a', '"a'),
        ("\"a'", "\"a'"),
        ('"', '"'),
        ('"a"=1,"b"', '"a"=1,"b"'),  # two values, each with its own quotes
    ],
)
def test_one_pair_of_matching_quotes_and_the_space_around_are_taken_off(text: str, value: str) -> None:
    assert values.clean(text) == value


@given(st.text())
def test_a_cleaned_text_has_no_space_around_it(text: str) -> None:
    assert values.clean(text) == values.clean(text).strip()


@given(
    st.from_regex(r"[\w./-]{0,100}", fullmatch=True) | st.sampled_from(["a" * 96, "a" * 97, "a/b.git", "a--b", "_a"])
)
def test_hub_ids_are_those_of_the_hub_s_own_client(text: str) -> None:
    try:
        validate_repo_id(text)
    except HFValidationError:
        assert not values.HUB_ID.fullmatch(text)
    else:
        assert bool(values.HUB_ID.fullmatch(text)) is text.isascii()


def test_models_may_have_quotes_around_each_part() -> None:
    assert values.parse_models(""" mine = "/models/my music" , 'b=c/d' """) == {"mine": "/models/my music", "b": "c/d"}


@pytest.mark.parametrize(
    "source",
    [
        "/no/such",
        "./no",
        "../no",
        "~no-such-user/no",
        "a/b/c",
        "C:\\models",
        "a\\b",
        "models/",
        "a--b",
        "-a",
        "no such",
    ],
)
def test_a_source_that_is_neither_here_nor_a_hub_id_is_refused_and_quoted(source: str) -> None:
    with pytest.raises(ValidationError) as caught:
        values.has_sources(f"mine={source}")
    assert f"cannot serve mine: {source!r} " in caught.value.messages[0]
    assert "hub id" in caught.value.messages[0]


@pytest.mark.parametrize("source", ["someone/musicgen", "gpt2"])
def test_a_hub_id_is_believed(source: str) -> None:
    values.has_sources(f"mine={source}")


def test_a_folder_may_have_any_name_also_a_hub_id_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my models" / "größe").mkdir(parents=True)
    values.has_sources(f"mine={tmp_path}/my models/größe")
    monkeypatch.chdir(tmp_path)
    values.has_sources("mine=my models,b=./my models")


def test_a_file_is_no_folder_and_a_folder_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValidationError, match="is not a folder"):
        values.is_folder_or_hub_id(str(tmp_path / "file"))
    with pytest.raises(ValidationError, match="does not exist"):
        values.is_folder_or_hub_id(str(tmp_path / "file" / "below"))
    values.is_file_or_hub_id(str(tmp_path / "file"))
    values.is_file_or_hub_id("tests")  # a folder here, and a hub id by its form
    with pytest.raises(ValidationError, match="is not a file"):
        values.is_file_or_hub_id(str(tmp_path))


@pytest.fixture
def another_user() -> Iterator[None]:
    """Nobody may read everything: not even root, while this lasts."""
    uid = os.geteuid()
    if uid == 0:
        os.seteuid(12345)
    yield
    os.seteuid(uid)


@pytest.mark.parametrize(("locked", "reason"), [("models", "may not be read"), (".", "Permission denied")])
def test_a_folder_that_may_not_be_read_is_said_to_be_one(locked: str, reason: str, another_user: None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder, "models")
        models.mkdir()
        Path(folder, locked).chmod(0)
        try:
            with pytest.raises(ValidationError, match=reason):
                values.is_folder_or_hub_id(str(models))
        finally:
            Path(folder, locked).chmod(0o700)
