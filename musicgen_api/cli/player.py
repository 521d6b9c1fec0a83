"""Play a file with what the machine has."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_ALL = frozenset({".wav", ".flac", ".mp3", ".opus", ".ogg", ".m4a"})
_PLAYERS: tuple[tuple[tuple[str, ...], frozenset[str]], ...] = (
    (("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"), _ALL),
    (("mpv", "--no-video", "--really-quiet"), _ALL),
    (("afplay",), frozenset({".wav", ".flac", ".mp3", ".m4a"})),  # macOS
    (("pw-play",), frozenset({".wav", ".flac", ".ogg", ".opus"})),
    (("aplay", "-q"), frozenset({".wav"})),
)
"""Commands, and the files that each of them takes."""


def player_for(suffix: str) -> list[str] | None:
    """The command that plays a file with this suffix; None if the machine has none."""
    for command, suffixes in _PLAYERS:
        if suffix.lower() in suffixes and shutil.which(command[0]):
            return list(command)
    return None


def play(path: Path) -> str | None:
    """Play to the end. A sentence if that does not work."""
    command = player_for(path.suffix)
    if command is None:
        names = ", ".join(command[0] for command, suffixes in _PLAYERS if path.suffix.lower() in suffixes)
        if not names:
            return f"--play: no player takes {path.suffix or 'such'} files."
        return f"--play: none of {names} is installed, so {path.name} is not played."
    done = subprocess.run([*command, str(path.absolute())], check=False)
    return None if done.returncode == 0 else f"--play: {command[0]} ended with exit code {done.returncode}."
