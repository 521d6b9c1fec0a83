"""What a file really is, told by its first bytes before anything reads it.

Files of weights come through Git, browsers, proxies and disks that fill up, and arrive as something else: a pointer, a
page, a half. Every error here names the file by its name alone, never by its path, and says what would be right.
This module knows bytes; it knows no torch and no network.
"""

from __future__ import annotations

import enum
import errno
import json
import os
import zipfile
from pathlib import Path

from safetensors import SafetensorError, safe_open

from musicgen_api.domain.errors import ModelDamaged, ModelError

HEAD_BYTES = 512

_OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""A pickle of torch's magic number, with which its files began before 1.6."""

_LONGEST_SAFETENSORS_HEADER = 100_000_000
"""In bytes; the format's own limit. Eight letters of a text, taken as a number, are far above it."""


class Format(enum.StrEnum):
    """A format that a whole file may be in, in words for a sentence."""

    TORCH = "torch's format"
    OLD_TORCH = "torch's old format"
    SAFETENSORS = "safetensors' format"
    JSON = "JSON"
    OTHER = "no format that is known here"


_NOT_THE_FILE: dict[tuple[bytes, ...], str] = {
    (b"version https://git-lfs",): "is a Git LFS pointer, not the file itself; `git lfs pull` fetches the file",
    (b"<!doctype", b"<html", b"<?xml"): "is a web page, saved in place of the file; download the file again",
    (b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ"): "is an archive; unpack it",
    (b"\x00" * 64,): "begins with zeros, as a download leaves it that broke off; download it again",
}
"""By how it begins, once white space is gone and letters are small: what stands in the place of a file."""


def recognise(file: Path, named_by: str) -> Format:
    """The format of `file`, which is whole as far as its ends tell.

    Args:
        named_by: the setting that names the file's folder, for the error; empty: the service came with it.

    Raises:
        ModelDamaged: it is empty, cut off, or something that stands in the file's place.
        ModelError: it may not be read, or the disk fails.
    """
    head = read_head(file, named_by)
    if not head:
        raise ModelDamaged(f"{file.name} is empty (0 bytes); download or copy it again.")
    text = head.lstrip().lower()
    for beginnings, sentence in _NOT_THE_FILE.items():
        if head.startswith(beginnings) or text.startswith(beginnings):
            raise ModelDamaged(f"{file.name} {sentence}.")
    if head.startswith(b"PK"):
        _require_whole_zip(file)
        return Format.TORCH
    if head.startswith(_OLD_TORCH):
        return Format.OLD_TORCH
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < _LONGEST_SAFETENSORS_HEADER:
        _require_whole_safetensors(file)
        return Format.SAFETENSORS
    return Format.JSON if text.startswith(b"{") else Format.OTHER


def read_head(file: Path, named_by: str) -> bytes:
    """The first bytes of `file`. Raises as `recognise` does."""
    try:
        with file.open("rb") as opened:
            return opened.read(HEAD_BYTES)
    except OSError as error:
        raise unreadable(error, file.name, named_by) from error


def read_json(file: Path, named_by: str) -> dict[str, object]:
    """The object in a JSON `file`. Raises as `recognise` does."""
    recognise(file, named_by)
    try:
        value = json.loads(file.read_bytes())
    except ValueError as error:
        raise ModelDamaged(f"{file.name} is not valid JSON ({error}).") from error
    except OSError as error:
        raise unreadable(error, file.name, named_by) from error
    if not isinstance(value, dict):
        raise ModelDamaged(f"{file.name} must hold a JSON object, and holds a {type(value).__name__}.")
    return value


def unreadable(error: OSError, what: str, named_by: str) -> ModelError:
    """The error for a file or folder that is there and that the system does not let us read."""
    if error.errno in (errno.EACCES, errno.EPERM):
        place = f"{named_by} names the place" if named_by else "It belongs to the service's own installation"
        return ModelError(f"{what} may not be read by the user of the service. {place}.")
    if isinstance(error, IsADirectoryError):
        return ModelDamaged(f"{what} is a folder, and must be a file.")
    return ModelError(f"{what} could not be read: {error.strerror or type(error).__name__}.")


def is_folder(source: str, what: str, named_by: str) -> bool:
    """Whether `source` is a folder whose files may be opened.

    Raises:
        ModelError: it is one, but this user may not look into it.
    """
    try:
        if not Path(source).is_dir():
            return False
        os.stat(os.path.join(source, "."))  # pathlib would leave the dot out, which asks to look inside
    except PermissionError as error:
        raise unreadable(error, what, named_by) from error
    return True


def _require_whole_zip(file: Path) -> None:
    """A zip's table of contents stands at its end: what is cut off has none."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise ModelDamaged(
            f"{file.name} is cut off: its end, where the list of its contents belongs, is missing; download it again."
        ) from error
    if not any(name.endswith("/data.pkl") for name in names):
        raise ModelDamaged(f"{file.name} is a zip archive of something else; unpack it.")


def _require_whole_safetensors(file: Path) -> None:
    try:
        with safe_open(file, framework="pt"):
            pass
    except SafetensorError as error:
        raise ModelDamaged(f"{file.name} is cut off or broken ({error}); download it again.") from error
