"""A process on a file system, a user and limits of its own, as containers and supervisors give them: no Docker needed.

A box is a mount namespace whose root holds what is named and nothing else, all of it read-only but for the folders that
are named as writable. The network is the machine's, so a test can talk to what runs inside.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from tests.helpers import programs
from tests.helpers.server import Server

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", sys.base_prefix, str(Path(sys.prefix).resolve()))
"""What every box has, at its own place: programs, libraries, Python and its packages."""

DEVICES = ("null", "zero", "full", "random", "urandom")
BYTECODE = "/bytecode"


@dataclass(frozen=True, kw_only=True)
class Box:
    """What a process finds."""

    uid: int
    gid: int
    folder: str  # where it starts
    mounts: Mapping[str, Path]  # {place: what is there}, read-only
    writable: Mapping[str, str] = field(default_factory=dict)  # {place: options of a tmpfs}
    home: str | None = None  # of an entry in passwd; None: the uid has none
    descriptors: int = 1024
    cores: str = ""  # of taskset: "0" is the first one alone

    def command(self, command: Sequence[str], scratch: Path) -> list[str]:
        """The command that runs `command` in this box. `scratch` is an empty folder, or one of an earlier run."""
        script = "\n".join(["set -e", *self._file_system(scratch), f"exec {self._process(command, scratch)}"])
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]

    def _file_system(self, scratch: Path) -> list[str]:
        root = scratch / "root"
        root.mkdir(parents=True, exist_ok=True)
        bytecode = scratch.parent / "bytecode"  # shared by the boxes: an image has its packages compiled
        bytecode.mkdir(exist_ok=True)
        bytecode.chmod(0o777)
        passwd = scratch / "passwd"
        passwd.write_text("root:x:0:0:root:/root:/bin/sh\n")
        if self.home is not None:
            passwd.write_text(passwd.read_text() + f"musicgen:x:{self.uid}:{self.gid}::{self.home}:/bin/sh\n")

        lines = [f"mount -t tmpfs -o mode=0755 box {root}"]
        # A checkout in /tmp has its packages below a folder that is a fresh one in the box: that folder comes first.
        below = [Path(place).parents for place in SYSTEM]
        first = {place for place in self.writable if any(Path(place) in parents for parents in below)}
        lines += [self._fresh(root, place) for place in self.writable if place in first]
        for place, source in ({place: Path(place) for place in SYSTEM} | dict(self.mounts)).items():
            if source.exists():
                lines.append(self._bind(source, f"{root}{place}", "ro"))
        lines.append(f"mount --bind -o ro {passwd} {root}/etc/passwd")
        lines.append(self._bind(bytecode, f"{root}{BYTECODE}", "rw"))
        lines.append(f"mkdir {root}/proc {root}/dev && mount --rbind /proc {root}/proc")
        lines += [f"touch {root}/dev/{name} && mount --bind /dev/{name} {root}/dev/{name}" for name in DEVICES]
        lines += [self._fresh(root, place) for place in self.writable if place not in first]
        return [*lines, f"mount -o remount,ro {root}"]

    def _fresh(self, root: Path, place: str) -> str:
        return f"mkdir -p {root}{place} && mount -t tmpfs -o {self.writable[place]} box {root}{place}"

    def _bind(self, source: Path, place: str, mode: str) -> str:
        source, place = shlex.quote(str(source)), shlex.quote(place)
        make = f"mkdir -p {place}" if Path(source).is_dir() else f"mkdir -p $(dirname {place}) && touch {place}"
        return f"{make} && mount --bind -o {mode} {source} {place}"

    def _process(self, command: Sequence[str], scratch: Path) -> str:
        limits = f"prlimit --nofile={self.descriptors}" + (f" taskset -c {self.cores}" if self.cores else "")
        user = f"setpriv --reuid {self.uid} --regid {self.gid} --clear-groups --bounding-set=-all --no-new-privs"
        inside = f"cd {shlex.quote(self.folder)} && exec {shlex.join(command)}"
        return f"{limits} {programs.chroot()} {scratch}/root {user} sh -c {shlex.quote(inside)}"


class BoxedServer(Server):
    """The service in a box, with an environment that holds what is given and no more."""

    def __init__(self, box: Box, command: Sequence[str], environment: Mapping[str, str], scratch: Path) -> None:
        """Prepare; nothing runs before `__enter__`. `scratch` is a folder of this server's own."""
        scratch.mkdir()
        super().__init__({}, scratch / "log")
        compiled = {"PYTHONPYCACHEPREFIX": BYTECODE, "PYTHONDONTWRITEBYTECODE": ""}
        self._environment = {"HOST": "127.0.0.1", "PORT": "0", "PATH": search_path()} | dict(environment) | compiled
        self._command = box.command(command, scratch)


def search_path() -> str:
    """PATH with this interpreter first, under the name `python`."""
    return f"{Path(sys.prefix).resolve()}/bin:/usr/bin:/bin:/usr/sbin:/sbin"


def require() -> None:
    """Skip the test, with the reason, where boxes cannot be made."""
    programs.util_linux()
    if reason := _against():
        pytest.skip(reason)


@cache
def _against() -> str:
    if os.geteuid() != 0:
        return "only root can give a process another user and mounts of its own"
    trial = ["unshare", "--mount", "--propagation", "private", "mount", "-t", "tmpfs", "trial", "/mnt"]
    result = subprocess.run(trial, capture_output=True, text=True, timeout=60)
    return f"the kernel allows no mounts here: {result.stderr.strip()}" if result.returncode else ""
