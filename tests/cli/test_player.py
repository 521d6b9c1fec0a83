"""The music is played by what the machine has, or a sentence says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from musicgen_api.cli.player import play
from tests.helpers.set_up import script


def install(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, code: int = 0) -> Path:
    """Make this the machine's only player. It notes its arguments in the file that is returned."""
    script(folder / name, f'#!/bin/sh\necho "$@" >>{folder}/played\nexit {code}\n')
    monkeypatch.setenv("PATH", str(folder))
    return folder / "played"


@pytest.mark.parametrize("name", ["ffplay", "mpv", "afplay", "pw-play", "aplay"])
def test_every_player_will_do(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = install(name, tmp_path, monkeypatch)
    assert play(tmp_path / "beat.wav") is None
    assert played.read_text().split()[-1] == str(tmp_path / "beat.wav")


def test_a_player_that_does_not_take_the_file_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = install("aplay", tmp_path, monkeypatch)  # WAV alone
    said = play(tmp_path / "beat.m4a")
    assert said == "--play: none of ffplay, mpv, afplay is installed, so beat.m4a is not played."
    assert play(tmp_path / "beat.pcm") == "--play: no player takes .pcm files."
    assert not played.exists()


def test_a_player_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("ffplay", tmp_path, monkeypatch, code=7)
    assert play(tmp_path / "beat.opus") == "--play: ffplay ended with exit code 7."
