"""What is settled for the libraries; what they then make of it is seen in tests/acceptance/test_users_and_mounts.py."""

from __future__ import annotations

import getpass
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from musicgen_api import create_app, environment
from musicgen_api.settings import ConfigurationError, Settings

NOWHERE = "/dev/null/nowhere"
"""No user can make it, not even root."""

PRIVATE = f"musicgen-api-{os.geteuid()}"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An environment where everything is as it should be; the process's own comes back."""
    before, found = dict(os.environ), tempfile.tempdir
    for variable in list(os.environ):
        if environment.LIBRARIES.fullmatch(variable):
            del os.environ[variable]
    (tmp_path / "home").mkdir()
    (tmp_path / "tmp").mkdir()
    os.environ |= {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp"), "LOGNAME": "somebody"}
    yield tmp_path / "home"
    os.environ.clear()
    os.environ |= before
    tempfile.tempdir = found


def test_what_works_stays_as_it_is_and_nothing_is_made(home: Path) -> None:
    os.environ["NUMBA_CACHE_DIR"] = str(home / "to" / "be" / "made")
    before = dict(os.environ)
    assert environment.settle() == ""
    assert dict(os.environ) == before
    assert list(home.iterdir()) == list(Path(os.environ["TMPDIR"]).iterdir()) == []


def test_a_user_without_a_name_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    del os.environ["LOGNAME"]
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    with pytest.raises((KeyError, OSError)):
        getpass.getuser()
    environment.settle()
    assert getpass.getuser() == f"uid-{os.geteuid()}"


@pytest.mark.parametrize("value", ["", "/nonexistent", "~", "relative", NOWHERE])
def test_a_home_that_is_none_is_replaced_by_a_private_folder(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    os.environ["HOME"] = value
    assert "HOME;" in environment.settle()
    assert os.environ["HOME"] == f"{os.environ['TMPDIR']}/{PRIVATE}/home"
    assert Path.home().is_dir()
    assert Path.home().parent.stat().st_mode & 0o777 == 0o700
    assert environment.settle() == ""


@pytest.mark.parametrize("variable", list(environment.CACHES))
def test_a_cache_that_cannot_be_written_is_replaced_and_said_to_be(variable: str) -> None:
    os.environ[variable] = NOWHERE
    note = environment.settle()
    assert variable in note
    assert f"{os.environ['TMPDIR']}/{PRIVATE} is used instead" in note
    assert "\n" not in note
    assert os.environ[variable].startswith(f"{os.environ['TMPDIR']}/{PRIVATE}/")
    assert environment.settle() == ""


def test_a_home_without_room_for_caches_keeps_its_models(home: Path) -> None:
    (home / ".cache").symlink_to(NOWHERE)
    assert "XDG_CACHE_HOME" in environment.settle()
    assert os.environ["HOME"] == str(home)
    assert "HF_HOME" not in os.environ  # there were no models
    del os.environ["XDG_CACHE_HOME"]
    (home / ".cache").unlink()
    (home / ".cache" / "huggingface").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environment, "_has_room", lambda folder: not folder.startswith(str(home)))
        environment.settle()
    assert os.environ["HF_HOME"] == str(home / ".cache" / "huggingface")


def test_where_models_are_is_never_changed_but_told_where_none_can_be_added() -> None:
    os.environ["HF_HOME"] = NOWHERE
    assert f"HF_HOME={NOWHERE} may not be written to" in environment.settle()
    assert os.environ["HF_HOME"] == NOWHERE


@pytest.mark.parametrize("variable", ["TMPDIR", "TEMP", "TMP"])
def test_a_temporary_folder_that_cannot_be_written_is_passed_over(variable: str) -> None:
    del os.environ["TMPDIR"]
    os.environ[variable] = NOWHERE
    note = environment.settle()
    assert f"Temporary files are in {tempfile.gettempdir()}: {NOWHERE} cannot be written to." in note
    assert os.environ["TMPDIR"] == tempfile.gettempdir()
    assert os.access(tempfile.gettempdir(), os.W_OK)


def test_a_temporary_folder_of_the_operator_s_is_taken_whatever_its_variable(tmp_path: Path) -> None:
    del os.environ["TMPDIR"]
    os.environ["TEMP"] = str(tmp_path / "tmp")
    environment.settle()
    assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(tmp_path / "tmp")


def test_without_tmp_files_go_to_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    del os.environ["TMPDIR"]
    monkeypatch.setattr(environment, "_has_room", lambda folder: folder not in environment.COMMON[:3])
    assert "Temporary files are in /dev/shm: /tmp cannot" in environment.settle()
    assert os.environ["TMPDIR"] == "/dev/shm"
    assert environment.settle() == ""


def test_where_nothing_can_be_written_the_start_ends_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_has_room", lambda folder: False)
    with pytest.raises(ConfigurationError, match=r"/tmp, /var/tmp, /usr/tmp, /dev/shm.*TMPDIR") as caught:
        environment.settle()
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment._has_room(str(tmp_path))
    monkeypatch.setattr(environment, "ROOM_BYTES", 1 << 62)
    assert not environment._has_room(str(tmp_path))


def test_a_full_disk_is_no_place_where_the_system_cannot_reserve_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS."""
    monkeypatch.delattr("os.posix_fallocate")
    assert environment._has_room(str(tmp_path))
    monkeypatch.setattr("tempfile.TemporaryFile", lambda dir: open("/dev/full", "wb", buffering=0))  # noqa: SIM115
    assert not environment._has_room(str(tmp_path))


def test_a_folder_that_others_may_enter_is_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "tmp" / PRIVATE).mkdir(mode=0o777)
    os.environ["NUMBA_CACHE_DIR"] = NOWHERE
    environment.settle()
    folder = Path(os.environ["NUMBA_CACHE_DIR"]).parent
    assert folder.name != PRIVATE
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("variable", ["HF_HOME", "HF_ENDPOINT", "AUDIOCRAFT_CACHE_DIR", "OMP_NUM_THREADS", "TMPDIR"])
def test_an_empty_variable_of_a_library_s_is_removed_and_a_quoted_one_bared(variable: str, tmp_path: Path) -> None:
    os.environ[variable] = " "
    environment.settle()
    assert os.environ.get(variable, "") != " "
    os.environ[variable] = f'"{tmp_path}"\r'
    environment.settle()
    assert os.environ[variable] == str(tmp_path)


def test_an_empty_list_of_gpus_keeps_its_meaning() -> None:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    environment.settle()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_an_application_settles_the_environment_before_its_gpu_thread_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[set[str]] = []
    monkeypatch.setattr(environment, "settle", lambda: threads.append({t.name for t in threading.enumerate()}))
    app = create_app(Settings(preload=False))
    app.extensions["musicgen_gpu_thread"].stop()
    assert len(threads) == 1
    assert "gpu" not in threads[0]
