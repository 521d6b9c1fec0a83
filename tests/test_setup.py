"""scripts/setup.sh with stand-ins for the interpreters: nothing is downloaded or installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

from musicgen_api.version import VERSION
from tests.helpers.fakes import ROOT
from tests.helpers.set_up import LOCK, RECORDER, installations, make_project, script, set_up


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the set-up script, a lock file, and a .venv whose interpreter only notes its arguments."""
    return make_project(tmp_path)


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


@pytest.mark.parametrize(
    ("version", "largest", "fit"),
    [
        ((3, 11, 0), 2**63 - 1, True),
        ((3, 14, 9), 2**63 - 1, True),
        ((3, 10, 9), 2**63 - 1, False),
        ((3, 15, 0), 2**63 - 1, False),
        ((3, 11, 0), 2**31 - 1, False),
    ],
)
def test_the_pythons_that_the_lock_has_packages_for_are_fit(
    version: tuple[int, ...], largest: int, fit: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = re.search(r"-c '(import sys; .*)'", (ROOT / "scripts/setup.sh").read_text())
    monkeypatch.setattr("sys.version_info", version)
    monkeypatch.setattr("sys.maxsize", largest)
    with pytest.raises(SystemExit) as left:
        exec(program[1])
    assert left.value.code != fit  # 0, which is False, for a fit one


def test_the_command_is_installed_once_and_again_for_another_version(project: Path) -> None:
    (project / "musicgen_api").mkdir()
    (project / "musicgen_api/version.py").write_text('VERSION = "1"\n')
    (project / "pyproject.toml").write_text("[project]\n")
    set_up(project)
    set_up(project)
    assert sum("--no-build-isolation --editable ." in line for line in installations(project)) == 1
    (project / "musicgen_api/version.py").write_text('VERSION = "2"\n')
    set_up(project)
    assert sum("--editable ." in line for line in installations(project)) == 2


def test_the_command_runs_from_any_folder_and_needed_no_network_to_be_installed(tmp_path: Path) -> None:
    """With this environment's packages, of which one builds the project."""
    project = tmp_path / "project"
    for name in ("scripts", "musicgen_api"):
        shutil.copytree(ROOT / name, project / name)
    for name in ("pyproject.toml", LOCK):
        shutil.copy(ROOT / name, project)
    venv.create(project / ".venv", symlinks=True)
    packages = sysconfig.get_path("purelib", vars={"base": str(project / ".venv")})
    Path(packages, "locked.pth").write_text(sysconfig.get_path("purelib"))
    check = subprocess.run(["cksum"], input=(project / LOCK).read_bytes(), capture_output=True, check=True)
    (project / f".venv/installed-{LOCK}").write_bytes(check.stdout)
    result = set_up(project, UV_OFFLINE="1", PIP_NO_INDEX="1")
    assert result.returncode == 0, result.stderr
    said = subprocess.run([project / ".venv/bin/musicgen", "--version"], cwd="/", capture_output=True, timeout=60)
    assert said.stdout.decode() == f"musicgen {VERSION}\n"


@pytest.mark.parametrize("machine", ["Linux x86_64", "Linux aarch64", "Darwin arm64"])
def test_where_the_lock_has_packages_the_script_says_what_they_weigh_and_warns_of_nothing(
    project: Path, machine: str
) -> None:
    script(project / "bin/sw_vers", "#!/bin/sh\necho 14.0\n")
    result = set_up(project, machine=machine)
    assert (result.returncode, result.stderr) == (0, "")
    assert re.search(r"GB to download, .* GB on disk", result.stdout)
    assert "arning" not in result.stdout
    assert "-r requirements.txt" in installations(project)[0]


@pytest.mark.parametrize(
    "machine", ["Linux armv7l", "Linux riscv64", "Darwin x86_64", "FreeBSD amd64", "MINGW64_NT x86_64"]
)
def test_where_the_lock_has_no_packages_the_script_says_so_and_does_nothing(project: Path, machine: str) -> None:
    result = set_up(project, machine=machine)
    assert (result.returncode, installations(project)) == (1, [])
    assert f"no packages for {machine}" in result.stderr


def test_a_c_library_without_packages_is_named(project: Path) -> None:
    script(project / "bin/ldd", "#!/bin/sh\necho 'musl libc (x86_64)' >&2\nexit 1\n")
    result = set_up(project)
    assert (result.returncode, installations(project)) == (1, [])
    assert "glibc 2.28 or newer" in result.stderr


def test_a_macos_without_packages_is_named(project: Path) -> None:
    script(project / "bin/sw_vers", "#!/bin/sh\necho 13.6.1\n")
    result = set_up(project, machine="Darwin arm64")
    assert (result.returncode, installations(project)) == (1, [])
    assert "macOS 14 or newer is needed, and this is 13.6.1" in result.stderr


def test_a_python_that_is_too_old_is_refused_with_a_sentence(project: Path) -> None:
    shutil.rmtree(project / ".venv")
    old = script(project / "old/python3", "#!/bin/sh\nexit 1\n")
    result = set_up(project, PYTHON=str(old))
    assert result.returncode == 1
    assert f"Python 3.11 to 3.14 (64 bits) is needed and {old} is not" in result.stderr


def test_a_python_without_venv_is_refused_with_the_package_to_install(project: Path) -> None:
    shutil.rmtree(project / ".venv")
    bare = script(project / "bare/python3", '#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\n')
    result = set_up(project, PYTHON=str(bare))
    assert result.returncode == 1
    assert "apt install python3-venv" in result.stderr


TORCH_LOCK = "torch==2.10.0 \\\n    --hash=sha256:00\ntorchaudio==2.10.0 \\\n    --hash=sha256:00\n"


def torch_installations(project: Path) -> list[str]:
    return [line for line in installations(project) if "+cpu" in line]


def test_torch_without_cuda_is_taken_from_pytorch_s_own_index(project: Path) -> None:
    (project / LOCK).write_text(TORCH_LOCK)
    noting = f'[ "$4" != install ] || echo "$UV_DEFAULT_INDEX" >>{project}/indexes'
    script(project / ".venv/bin/python", RECORDER.format(log=project / "log", also=noting))
    assert set_up(project, TORCH="cpu").returncode == 0
    [line] = torch_installations(project)
    assert line.endswith("--no-deps --only-binary :all: torch==2.10.0+cpu torchaudio==2.10.0+cpu")
    index = (project / "indexes").read_text().split()[0]
    assert index == "https://download.pytorch.org/whl/cpu"


@pytest.mark.parametrize("machine", ["Linux aarch64", "Darwin arm64"])
def test_where_the_lock_s_torch_is_without_cuda_the_choice_changes_nothing(project: Path, machine: str) -> None:
    (project / LOCK).write_text(TORCH_LOCK)
    script(project / "bin/sw_vers", "#!/bin/sh\necho 15.1\n")
    assert set_up(project, machine=machine, TORCH="cpu").returncode == 0
    assert "-r requirements.txt" in installations(project)[0]
    refused = set_up(project, machine=machine, TORCH="cuda")
    assert (refused.returncode, refused.stderr) == (1, f"error: torch has no packages with CUDA for {machine}\n")


def test_a_torch_that_does_not_exist_is_refused(project: Path) -> None:
    result = set_up(project, TORCH="rocm")
    assert (result.returncode, result.stderr) == (1, "error: TORCH is cpu or cuda, not rocm\n")


def test_another_torch_means_another_environment(project: Path) -> None:
    made = f'mkdir -p {project}/.venv/bin && cp "$0" {project}/.venv/bin/python'
    python = script(
        project / "own/python", RECORDER.format(log=project / "log", also=f'[ "$2" != venv ] || {{ {made}; }}')
    )
    (project / LOCK).write_text(TORCH_LOCK)
    set_up(project)
    left = project / ".venv/nvidia"
    left.touch()
    assert set_up(project, TORCH="cpu", PYTHON=str(python)).returncode == 0
    assert not left.exists()
    assert len(torch_installations(project)) == 1
    left.touch()
    assert set_up(project, PYTHON=str(python)).stdout == ""
    assert left.exists()
    assert set_up(project, TORCH="cuda", PYTHON=str(python)).returncode == 0
    assert not left.exists()
    assert installations(project)[-1].endswith("-r requirements.txt")
