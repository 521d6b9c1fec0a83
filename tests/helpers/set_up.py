"""A folder in which scripts/setup.sh can run, on a machine of one's choice, without touching this environment."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.helpers.fakes import ROOT

LOCK = "requirements.txt"
RECORDER = '#!/bin/sh\n[ "$1" = -c ] && exit 0\necho "$@" >>"{log}"\n{also}\n'


def script(path: Path, text: str) -> Path:
    """Write a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def make_project(folder: Path) -> Path:
    """The script, a lock file, and a .venv whose interpreter only notes its arguments."""
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    (folder / LOCK).write_text("one==1\n")
    script(folder / ".venv/bin/python", RECORDER.format(log=folder / "log", also=""))
    return folder


def set_up(project: Path, *, machine: str = "Linux x86_64", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script on what takes itself for `machine`."""
    script(project / "bin/uname", f'#!/bin/sh\n[ "$*" = -sm ] && echo {machine} || echo {machine.split()[0]}\n')
    return subprocess.run(
        ["sh", project / "scripts/setup.sh", LOCK],
        env={"PATH": f"{project / 'bin'}:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def installations(project: Path) -> list[str]:
    """What the interpreter was called with in order to install."""
    log = project / "log"
    return [line for line in log.read_text().splitlines() if " install " in line] if log.exists() else []
