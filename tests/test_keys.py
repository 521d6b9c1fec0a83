from __future__ import annotations

from pathlib import Path

import pytest
from marshmallow import ValidationError

from musicgen_api.keys import Keys, parse_keys, read_file, split_list
from musicgen_api.settings import ConfigurationError, Settings

ANNE, BEN = "anne-0123456789abcdef", "ben:0123456789+/=abc"


def test_a_key_is_known_by_its_label_and_every_other_text_by_none() -> None:
    keys = Keys(parse_keys([f"anne:{ANNE}", f"ben:{BEN}"]))
    assert (keys.label_of(ANNE), keys.label_of(BEN)) == ("anne", "ben")
    for wrong in ["", "anne", ANNE[:-1], ANNE + "x", ANNE.upper(), f"anne:{ANNE}", "ключ", "\udc80"]:
        assert keys.label_of(wrong) is None
    assert keys.labels == {"anne", "ben"}


def test_a_key_without_a_label_is_called_by_its_place_and_a_label_may_have_two_keys() -> None:
    assert parse_keys([ANNE, "ben:" + BEN]) == [("key-1", ANNE), ("ben", BEN)]
    keys = Keys(parse_keys([f"anne:{ANNE}", "anne:the-key-that-replaces-it"]))
    assert keys.label_of(ANNE) == keys.label_of("the-key-that-replaces-it") == "anne"


@pytest.mark.parametrize(
    "items",
    [
        *([], ["short"], ["anne:short"], ["a b:" + ANNE], [":" + ANNE], ["anne:"], ["with space " + ANNE]),
        *(["ключ" * 9], [f"anne:{ANNE}", f"ben:{ANNE}"]),
    ],
    ids=repr,
)
def test_what_is_no_list_of_keys_is_refused_without_a_key_in_the_text(items: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        parse_keys(items)
    assert str(caught.value.messages[0]).startswith("has ")
    assert not any(part in str(caught.value) for item in items for part in item.split(":") if len(part) > 4)


def test_a_file_has_one_key_a_line(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_bytes(f"\ufeff# of the studio\r\nanne: {ANNE}\r\n\r\n  {'x' * 16}\n".encode())
    assert read_file(str(file)) == [("anne", ANNE), ("key-2", "x" * 16)]


@pytest.mark.parametrize("content", [b"", b"# none yet\n", b"\xff\xfe\x00"])
def test_a_file_without_keys_is_refused_because_the_service_would_stand_open(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(content)
    with pytest.raises(ValidationError):
        read_file(str(tmp_path / "keys"))
    with pytest.raises(ValidationError, match=r"cannot be read: No such file"):
        read_file(str(tmp_path / "nowhere"))


def test_the_settings_take_keys_from_both_places_and_never_show_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keys").write_text(f"ben:{BEN}\n")
    monkeypatch.setenv("MUSICGEN_API_KEYS", f"anne:{ANNE}")
    monkeypatch.setenv("MUSICGEN_API_KEYS_FILE", str(tmp_path / "keys"))
    settings = Settings.from_environment()
    assert settings.keys.labels == {"anne", "ben"}
    assert ANNE not in repr(settings)
    monkeypatch.setenv("MUSICGEN_API_KEYS", "too-short-but-secret"[:12])
    with pytest.raises(ConfigurationError, match=r"^MUSICGEN_API_KEYS cannot be used: its value has a key") as caught:
        Settings.from_environment()
    assert "too-short" not in str(caught.value)
    assert not Settings().keys


def test_a_list_is_split_at_commas() -> None:
    assert split_list(" a , b,, c ") == ["a", "b", "c"]
