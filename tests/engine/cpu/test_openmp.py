"""Where torch's OpenMP library is. The names are those in torch 2.10's wheels for each platform."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from musicgen_api.engine.cpu import openmp


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """Let each test look anew."""
    openmp.library.cache_clear()
    yield
    openmp.library.cache_clear()


@pytest.mark.parametrize("name", ["libgomp.so.1", "libgomp-a34b3233.so.1", "libomp.dylib"])
def test_the_library_lies_beside_torch_s_own(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.__file__", str(tmp_path / "__init__.py"))
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/libtorch_cpu.so").touch()
    assert openmp.library() is None
    openmp.library.cache_clear()
    (tmp_path / "lib" / name).touch()
    assert openmp.library() == tmp_path / "lib" / name


def test_it_is_the_one_that_torch_has_loaded() -> None:
    here = openmp.library()
    assert here is not None
    assert str(here.resolve()) in Path("/proc/self/maps").read_text()
