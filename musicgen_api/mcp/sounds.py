"""Where an agent's sound files come from and go to: folders of this machine, or base64 in the call itself."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path

from musicgen_api.client.files import write_new
from musicgen_api.client.messages import Upload

_DATA_URL = re.compile(r"data:[\w.+-]+/(?P<kind>[\w.+-]+);base64,(?P<data>[\s\S]*)")


class NotUsable(Exception):
    """A file cannot be read or written. The text is a sentence for the agent."""


@dataclass(frozen=True)
class Sounds:
    """The files that a call may name.

    Over stdio the agent works with its user's rights on this machine, so it may name any file. Over HTTP it may be
    anywhere, so it gets `folder` alone, or no file at all.
    """

    folder: Path | None
    confined: bool

    def read(self, source: str) -> Upload:
        """A file by its path, or a `data:` URL in base64. Raises `NotUsable`."""
        if source.startswith("data:"):
            return _decode(source)
        path = self._place(source)
        try:
            return Upload.of(path)
        except OSError as error:
            raise NotUsable(f"{path} cannot be read: {error.strerror}.") from None

    def place_for(self, name: str | None, suggestion: str) -> Path | None:
        """Where to write; None: nowhere, the call's answer has the sound. Raises `NotUsable` before any work."""
        if name is None and self.folder is None:
            return None
        path = self._place(name or suggestion)
        if not path.parent.is_dir():
            raise NotUsable(f"There is no folder {path.parent}.")
        return path

    def _place(self, name: str) -> Path:
        """The path that `name` means."""
        base = self.folder or Path.cwd()
        try:
            path = (base / Path(name).expanduser()).resolve()
        except (OSError, RuntimeError, ValueError):  # a loop of links, ~nobody, a zero byte
            raise NotUsable(f"{name!r} is not the path of a file.") from None
        if not self.confined:
            return path
        if self.folder is None:
            raise NotUsable("This MCP server was started without a folder for files: leave paths out.")
        if not path.is_relative_to(self.folder.resolve()):
            raise NotUsable(f"{name} is not in the folder of this MCP server: give a name without a path.")
        return path


def _decode(url: str) -> Upload:
    try:
        if (match := _DATA_URL.fullmatch(url)) is not None:
            return Upload(f"sound.{match['kind']}", base64.b64decode(match["data"], validate=True))
    except binascii.Error:
        pass
    raise NotUsable("The data: URL does not read data:audio/...;base64,...")


def write(path: Path, data: bytes) -> Path:
    """Write a new file, beside one of that name if there is one. Its path. Raises `NotUsable`."""
    try:
        return write_new(path, data)
    except OSError as error:
        raise NotUsable(f"{path} cannot be written: {error.strerror}.") from None
