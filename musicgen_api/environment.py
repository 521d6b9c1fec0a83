"""What libraries take for granted of a machine, settled before the first of them is imported.

A user with a name and a home, a folder for temporary files, folders for caches: in containers and under supervisors
each of them may be missing, and then torch, Numba or gunicorn fail in the middle of an import. This module alone writes
the environment, for the libraries; it knows none of the service's own variables, which `settings.py` reads.
"""

from __future__ import annotations

import getpass
import os
import re
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from musicgen_api.settings import ConfigurationError
from musicgen_api.values import clean

LIBRARIES = re.compile(
    r"(AUDIOCRAFT|CUDA_CACHE|GOMP|HF|HUGGINGFACE_HUB|KMP|MKL|NUMBA|OMP|TORCH|TORCHINDUCTOR|TRANSFORMERS|TRITON|XDG)_\w+"
    r"|HOME|LNAME|LOGNAME|TEMP|TMP|TMPDIR|USER|USERNAME"
)
"""Variables that an empty value, or quotes around it, would break. Not CUDA_VISIBLE_DEVICES: empty, it hides all."""

CACHES = {
    "XDG_CACHE_HOME": "~/.cache",  # Numba, huggingface_hub, torch.hub
    "TRITON_CACHE_DIR": "~/.triton/cache",
    "CUDA_CACHE_PATH": "~/.nv/ComputeCache",
    "NUMBA_CACHE_DIR": None,  # where it is not set, Numba finds a folder under XDG_CACHE_HOME
    "TORCHINDUCTOR_CACHE_DIR": None,  # where it is not set, torch finds one among the temporary files
}
"""{variable: the library's own choice}. Lost, they are made again, so another folder is as good."""

WEIGHTS = ("HF_HOME", "HF_HUB_CACHE", "AUDIOCRAFT_CACHE_DIR")
"""Where models are. Never replaced: reading needs no right to write, and gigabytes go where the operator says."""

COMMON = ("/tmp", "/var/tmp", "/usr/tmp", "/dev/shm")
"""Folders for temporary files in `tempfile`'s own order, then shared memory, which every container has."""

ROOM_BYTES = 8 << 20
"""What a cache or temporary folder must have room for; Numba's files take 3.3 MB."""


def settle() -> str:
    """Change the environment so that every library finds what it assumes; what works stays as the operator set it.

    A second call finds all in order. Not for a process whose threads may be reading the environment.

    Returns:
        What had to be replaced, and by what: one line for the log, empty where nothing was.

    Raises:
        ConfigurationError: no folder at all can be written to.
    """
    _clean_variables()
    _settle_name()
    wished = _wished_temporary_folders()[0]
    temporary = _settle_temporary_folder()
    replaced = _settle_home(temporary) + _settle_caches(temporary)
    notes = []
    if str(temporary) != os.path.abspath(wished):
        notes.append(f"Temporary files are in {temporary}: {wished} cannot be written to.")
    if replaced:
        folder = _private_folder(temporary)
        notes.append(
            f"Not usable by uid {os.geteuid()}: {', '.join(replaced)}; {folder} is used instead, "
            "which may not outlast this container or machine."
        )
    if fixed := _fixed_weights():
        notes.append(f"Models that are there can be read, but none downloaded: {fixed} may not be written to.")
    return " ".join(notes)


def _clean_variables() -> None:
    for variable, value in os.environ.items():
        if LIBRARIES.fullmatch(variable):
            if cleaned := clean(value):
                os.environ[variable] = cleaned
            else:
                del os.environ[variable]


def _settle_name() -> None:
    """A uid without an entry in passwd, as `docker run --user` and OpenShift choose it, has no name."""
    try:
        getpass.getuser()
    except (KeyError, OSError):  # OSError since Python 3.13
        os.environ["LOGNAME"] = f"uid-{os.geteuid()}"


def _wished_temporary_folders() -> list[str]:
    chosen = [os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if name in os.environ]
    return [*chosen, *COMMON]


def _settle_temporary_folder() -> Path:
    wished = _wished_temporary_folders()
    for folder in map(os.path.abspath, [*wished, os.path.expanduser("~"), os.curdir]):
        if _has_room(folder):
            if folder != "/tmp" or len(wished) > len(COMMON):  # /tmp is what everybody takes where nothing is said
                os.environ["TMPDIR"] = folder  # also for what is written in other languages
                tempfile.tempdir = None  # what `tempfile` has found before
            return Path(folder)
    tried = ", ".join(dict.fromkeys(wished))
    raise ConfigurationError(
        f"no folder for temporary files: uid {os.geteuid()} cannot write {ROOM_BYTES >> 20} MB to any of {tried}. "
        "Mount one, or name one with TMPDIR."
    )


def _settle_home(temporary: Path) -> list[str]:
    home = os.path.expanduser("~")
    if os.path.isabs(home) and os.path.isdir(home) and os.access(home, os.X_OK):
        return []
    folder = _private_folder(temporary) / "home"
    folder.mkdir(exist_ok=True)
    os.environ["HOME"] = str(folder)
    return ["HOME"]


def _settle_caches(temporary: Path) -> list[str]:
    weights = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "huggingface")
    replaced = []
    for variable, default in CACHES.items():
        folder = os.environ.get(variable) or default
        if folder is None or _has_room(_nearest(os.path.expanduser(folder))):
            continue
        os.environ[variable] = str(_private_folder(temporary) / variable.lower())
        replaced.append(variable)
    if "XDG_CACHE_HOME" in replaced and "HF_HOME" not in os.environ and os.access(weights, os.R_OK | os.X_OK):
        os.environ["HF_HOME"] = str(weights)  # models that are there can be read
    return replaced


def _fixed_weights() -> str:
    folders = {name: os.environ[name] for name in WEIGHTS if name in os.environ}
    return ", ".join(
        f"{name}={folder}" for name, folder in folders.items() if not _has_room(_nearest(os.path.expanduser(folder)))
    )


def _nearest(folder: str) -> str:
    """`folder`, or what exists of the way to it: where it would be made."""
    while not os.path.lexists(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return folder or os.curdir


def _has_room(folder: str) -> bool:
    """Whether a file can really be made there: rights, read-only mounts, quotas and full disks all count."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, ROOM_BYTES)
            else:  # macOS
                file.write(bytes(ROOM_BYTES))
                file.flush()
    except OSError:
        return False
    return True


def _private_folder(temporary: Path) -> Path:
    """A folder that this user alone may enter; the same one at every start, so that caches last."""
    folder = temporary / f"musicgen-api-{os.geteuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077:
        return folder
    return Path(tempfile.mkdtemp(prefix="musicgen-api-", dir=temporary))  # somebody else was here first
