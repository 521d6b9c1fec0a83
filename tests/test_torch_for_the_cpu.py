"""`make run TORCH=cpu`, with real uv and pip, from a package index on this machine whose packages are empty wheels."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.set_up import LOCK, make_project, script, set_up

ON_PYPI = {
    "torch": "2.10.0",
    "torchaudio": "2.10.0",
    "torchmetrics": "1.9.0",
    "triton": "3.6.0",
    "nvidia-nccl-cu12": "2.27.5",
    "cuda-bindings": "12.9.4",
}
FOR_THE_CPU = {"torch": "2.10.0+cpu", "torchaudio": "2.10.0+cpu"}
INSTALLED = {**FOR_THE_CPU, "torchmetrics": "1.9.0"}


def write_wheel(folder: Path, name: str, version: str) -> Path:
    """An empty package, with what else a package index has beside it."""
    stem = f"{name.replace('-', '_')}-{version}"
    path = folder / name / f"{stem}-py3-none-any.whl"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{stem}.dist-info/RECORD", "")
    link = path.name.replace("+", "%2B")
    (path.parent / "index.html").write_text(f'<a href="{link}#sha256={digest(path)}">{path.name}</a>')
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the set-up script."""
    return make_project(tmp_path)


@pytest.fixture
def indexes(project: Path) -> Iterator[str]:
    """The address of a server with two package indexes, `/pypi` and `/cpu`; the lock file is made of the first."""
    folder = project / "indexes"
    lock = []
    for name, version in ON_PYPI.items():
        wheel = write_wheel(folder / "pypi", name, version)
        marker = " ; sys_platform == 'linux'" if name == "triton" else ""
        lock.append(f"{name}=={version}{marker} \\\n    --hash=sha256:{digest(wheel)}\n    # via audiocraft\n")
    (project / LOCK).write_text("# comment\n" + "".join(lock))
    for name, version in FOR_THE_CPU.items():
        write_wheel(folder / "cpu", name, version)
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(params=["uv", "pip"])
def environment(request: pytest.FixtureRequest, project: Path, indexes: str) -> Iterator[dict[str, str]]:
    """Variables for the script; `.venv` is a real one, whose uv and pip are this environment's."""
    here = Path(sys.executable).parent
    if request.param == "uv" and not (here / "uv").exists():
        pytest.skip("uv is not installed")
    real = project / "real"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", real], check=True, timeout=120)
    uv = f'exec "{here}/uv" "$@"' if request.param == "uv" else "exit 1"
    script(
        project / ".venv/bin/python",
        f"""#!/bin/sh
        case "$1 $2 $*" in
            "-m uv "*) shift 2; {uv} ;;
            "-m pip "*uv.txt) exit 1 ;;
            "-m pip "*) shift 2; exec "{sys.executable}" -m pip --python "{real}/bin/python" "$@" ;;
            *) exec "{real}/bin/python" "$@" ;;
        esac
        """,
    )
    return {
        "TORCH": "cpu",
        "TORCH_INDEX": f"{indexes}/cpu/",
        "UV_DEFAULT_INDEX": f"{indexes}/pypi/",
        "UV_INDEX": f"{indexes}/pypi/",
        "UV_CACHE_DIR": str(project / "cache"),
        "UV_NO_CONFIG": "1",
        "PIP_INDEX_URL": f"{indexes}/pypi/",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
        "HOME": str(project),
    }


def installed(project: Path) -> dict[str, str]:
    """What `.venv` has: versions by name."""
    folders = (project / "real").glob("lib/python*/site-packages/*.dist-info")
    named = [folder.name.removesuffix(".dist-info").split("-") for folder in folders]
    return {name.replace("_", "-"): version for name, version in named}


def test_torch_comes_from_the_other_index_and_nothing_of_cuda_is_installed(
    project: Path,
    environment: dict[str, str],
) -> None:
    result = set_up(project, **environment)
    assert result.returncode == 0, result.stderr
    assert installed(project) == INSTALLED


def test_it_stays_so_without_being_asked_for_again(project: Path, environment: dict[str, str]) -> None:
    set_up(project, **environment)
    lock = project / LOCK
    lock.write_text(lock.read_text() + "# changed\n")
    result = set_up(project, **environment | {"TORCH": ""})
    assert (result.returncode, installed(project)) == (0, INSTALLED)
    again = set_up(project, **environment | {"TORCH": ""})
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_a_file_that_is_not_the_index_s_is_refused(project: Path, environment: dict[str, str]) -> None:
    wheel = next((project / "indexes/cpu/torch").glob("*.whl"))
    with zipfile.ZipFile(wheel, "a") as changed:
        changed.writestr("torch/__init__.py", "raise SystemExit('not what was published')")
    assert set_up(project, **environment).returncode != 0
    assert "torch" not in installed(project)


def test_an_index_that_cannot_be_reached_is_an_error_and_tried_again(
    project: Path,
    environment: dict[str, str],
) -> None:
    wrong = environment | {"TORCH_INDEX": environment["TORCH_INDEX"].replace("/cpu", "/nowhere")}
    assert set_up(project, **wrong).returncode != 0
    assert set_up(project, **environment).returncode == 0
    assert installed(project) == INSTALLED
