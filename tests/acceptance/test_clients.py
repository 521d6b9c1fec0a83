"""What docs/clients.md says to copy really runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from musicgen_api.audio.read import read
from tests.helpers.server import ROOT, Server

TEXT = (ROOT / "docs" / "clients.md").read_text()
SNIPPETS: list[tuple[str, str]] = re.findall(r"```(python|sh)\n(.*?)```", TEXT, re.DOTALL)
SECONDS = {"rain": 2.5}
"""How long the files are, by name; 10 s if nothing is said."""


def test_there_are_snippets_for_both_families() -> None:
    assert [language for language, _ in SNIPPETS].count("python") == 4
    assert [language for language, _ in SNIPPETS].count("sh") == 1


@pytest.mark.parametrize(("language", "snippet"), SNIPPETS)
def test_a_snippet_makes_the_files_that_it_promises(
    server: Server, language: str, snippet: str, tmp_path: Path
) -> None:
    assert "http://127.0.0.1:8000" in snippet
    snippet = snippet.replace("http://127.0.0.1:8000", server.url)
    program = [sys.executable, "-c"] if language == "python" else ["bash", "-ec"]
    subprocess.run([*program, snippet], cwd=tmp_path, check=True, timeout=120)
    files = list(tmp_path.iterdir())
    assert files
    for file in files:
        seconds = SECONDS.get(file.stem, 10)
        if file.suffix == ".pcm":
            assert len(file.read_bytes()) == 2 * 16_000 * seconds
        else:
            assert read(file.read_bytes()).duration_s == pytest.approx(seconds, abs=0.16)
