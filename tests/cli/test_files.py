"""Where the music goes, and that no file is lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from musicgen_api.cli.files import SUFFIXES, Target
from musicgen_api.client.files import slug
from musicgen_api.client.messages import Take

TAKES = (Take(7, b"seven"), Take(8, b"eight"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.wav", "wav"), ("a.MP3", "mp3"), ("a.ogg", "opus"), ("a.opus", "opus"), ("a.m4a", "aac"), ("a", None)],
)
def test_the_suffix_says_the_format(name: str, kind: str | None, tmp_path: Path) -> None:
    assert Target(tmp_path / name).format == kind
    assert Target(tmp_path).format is None


def test_a_suffix_without_a_format_is_refused_with_those_that_have_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.txt does not end in one of \.wav, \.flac, \.mp3, \.opus, \.m4a"):
        _ = Target(tmp_path / "a.txt").format
    assert ".ulaw" not in SUFFIXES


def test_one_take_gets_the_name_and_several_are_numbered(tmp_path: Path) -> None:
    assert Target(tmp_path / "beat.mp3").write(TAKES[:1], "", "mp3") == [tmp_path / "beat.mp3"]
    paths = Target(tmp_path / "beat.mp3").write(TAKES, "", "mp3")
    assert [path.name for path in paths] == ["beat-1.mp3", "beat-2.mp3"]
    assert [path.read_bytes() for path in paths] == [b"seven", b"eight"]


def test_without_a_name_the_description_and_the_seed_are_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Target(None).write(TAKES[:1], "Warm lo-fi beat!", "wav") == [Path("warm-lo-fi-beat-7.wav")]
    assert Target(tmp_path).write(TAKES[1:], "Warm lo-fi beat!", "wav") == [tmp_path / "warm-lo-fi-beat-8.wav"]


def test_a_file_that_is_there_stops_it_before_the_work_unless_it_may_be_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "beat-2.mp3"
    path.write_bytes(b"dear")
    Target(tmp_path / "beat.mp3").check(takes=1)
    with pytest.raises(ValueError, match=r"beat-2\.mp3 is there already\. --force overwrites it"):
        Target(tmp_path / "beat.mp3").check(takes=2)
    forced = Target(tmp_path / "beat.mp3", overwrite=True)
    forced.check(takes=2)
    forced.write(TAKES, "", "mp3")
    assert path.read_bytes() == b"eight"


def test_a_file_that_came_in_the_meantime_is_kept_and_so_is_the_music(tmp_path: Path) -> None:
    for name in ("beat.mp3", "beat-2.mp3"):
        (tmp_path / name).write_bytes(b"dear")
    assert Target(tmp_path / "beat.mp3").write(TAKES[:1], "", "mp3") == [tmp_path / "beat-3.mp3"]
    assert (tmp_path / "beat.mp3").read_bytes() == (tmp_path / "beat-2.mp3").read_bytes() == b"dear"


def test_a_device_is_written_to_as_it_is() -> None:
    null = Target(Path(os.devnull))
    assert null.format is None
    null.check(takes=2)
    assert null.write(TAKES, "", "wav") == [Path(os.devnull)] * 2


def test_a_folder_that_is_not_there_is_said_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="There is no folder"):
        Target(tmp_path / "none" / "beat.mp3").check(takes=1)


@pytest.mark.parametrize(
    ("description", "name"),
    [
        ("Calm: solo/piano", "calm-solo-piano"),
        ("../../etc", "etc"),
        ("平静的钢琴", "平静的钢琴"),
        ("!?", "music"),
        ("x" * 99, "x" * 40),
        ("one " * 30, "-".join(["one"] * 10)),
    ],
)
def test_a_description_becomes_a_name_without_a_path(description: str, name: str) -> None:
    assert slug(description) == name
