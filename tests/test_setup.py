"""scripts/setup.sh with stand-ins for the interpreters: nothing is downloaded or installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fakes import ROOT

LOCK = "requirements.txt"
RECORDER = '#!/bin/sh\n[ "$1" = -c ] && exit 0\necho "$@" >>"{log}"\n{also}\n'


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the set-up script, a lock file, and a .venv whose interpreter only notes its arguments."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / LOCK).write_text("one==1\n")
    script(tmp_path / ".venv/bin/python", RECORDER.format(log=tmp_path / "log", also=""))
    return tmp_path


def set_up(project: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", project / "scripts/setup.sh", LOCK],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def installations(project: Path) -> list[str]:
    log = project / "log"
    return [line for line in log.read_text().splitlines() if " install " in line] if log.exists() else []


def test_the_second_call_installs_nothing_and_says_nothing(project: Path) -> None:
    assert set_up(project).returncode == 0
    first = installations(project)
    assert len(first) == 1
    assert "--no-deps --require-hashes -r requirements.txt" in first[0]
    again = set_up(project)
    assert (again.returncode, again.stdout, installations(project)) == (0, "", first)


def test_a_changed_lock_file_is_installed_again(project: Path) -> None:
    set_up(project)
    (project / LOCK).write_text("one==2\n")
    set_up(project)
    assert len(installations(project)) == 2


def test_an_installation_that_failed_is_tried_again(project: Path) -> None:
    failing = RECORDER.format(log=project / "log", also='[ "$4" != install ]')
    script(project / ".venv/bin/python", failing)
    assert set_up(project).returncode != 0
    assert set_up(project).returncode != 0


def test_without_uv_pip_installs(project: Path) -> None:
    without_uv = RECORDER.format(log=project / "log", also='case "$*" in *uv*) exit 1;; esac')
    script(project / ".venv/bin/python", without_uv)
    result = set_up(project)
    assert result.returncode == 0, result.stderr
    assert "uv cannot be installed here" in result.stdout
    assert installations(project)[-1].startswith("-m pip install")


def test_a_python_that_is_too_old_is_refused_with_a_sentence(project: Path) -> None:
    shutil.rmtree(project / ".venv")
    old = script(project / "old/python3", "#!/bin/sh\nexit 1\n")
    result = set_up(project, PYTHON=str(old))
    assert result.returncode == 1
    assert f"Python 3.11 or newer is needed and {old} is not" in result.stderr


def test_a_python_without_venv_is_refused_with_the_package_to_install(project: Path) -> None:
    shutil.rmtree(project / ".venv")
    bare = script(project / "bare/python3", '#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\n')
    result = set_up(project, PYTHON=str(bare))
    assert result.returncode == 1
    assert "apt install python3-venv" in result.stderr
