"""Where the music goes: names of files, and never over a file that is there unless that is asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.client.files import slug, write_new
from musicgen_api.client.messages import Take

SUFFIXES = {f".{Encoding(kind).extension}": str(kind) for kind in Format if kind is not Format.ULAW} | {".ogg": "opus"}
"""{suffix of a file: `format`}."""


@dataclass(frozen=True)
class Target:
    """`-o`: a file, a folder, or nothing."""

    path: Path | None
    overwrite: bool = False

    @property
    def is_folder(self) -> bool:
        """Files in it get names of their own."""
        return self.path is None or self.path.is_dir()

    @property
    def format(self) -> str | None:
        """As the suffix says; None where there is none. Raises ValueError for one that means no format."""
        if self.path is None or self.is_folder or not self.path.suffix:
            return None
        try:
            return SUFFIXES[self.path.suffix.lower()]
        except KeyError:
            known = ", ".join(SUFFIXES)
            raise ValueError(
                f"{self.path.name} does not end in one of {known}. Name the format: --format mp3."
            ) from None

    def check(self, takes: int) -> None:
        """Find out before the work whether the files can be written. Raises ValueError."""
        if self._is_device:
            return
        folder = (Path() if self.path is None else self.path) if self.is_folder else self._file.parent
        if not folder.is_dir():
            raise ValueError(f"There is no folder {folder}.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ValueError(f"The folder {folder} may not be written to.")
        if self.is_folder or self.overwrite:
            return
        for path in self._numbered(takes):
            if path.exists():
                raise ValueError(f"{path} is there already. --force overwrites it.")

    def write(self, takes: Sequence[Take], description: str, extension: str) -> list[Path]:
        """Write the takes; the files, in order. Raises OSError."""
        if self.is_folder:
            names = [f"{slug(description)}-{take.seed}.{extension}" for take in takes]
            paths = [(self.path or Path()) / name for name in names]
        else:
            paths = self._numbered(len(takes))
        return [
            _replace(path, take.file) if self.overwrite or self._is_device else write_new(path, take.file)
            for path, take in zip(paths, takes, strict=True)
        ]

    @property
    def _is_device(self) -> bool:
        """/dev/null, a named pipe: there is nothing to lose."""
        return self.path is not None and self.path.exists() and not (self.path.is_file() or self.path.is_dir())

    @property
    def _file(self) -> Path:
        assert self.path is not None
        return self.path

    def _numbered(self, takes: int) -> list[Path]:
        if takes == 1 or self._is_device:
            return [self._file] * takes
        return [self._file.with_stem(f"{self._file.stem}-{number}") for number in range(1, takes + 1)]


def _replace(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
