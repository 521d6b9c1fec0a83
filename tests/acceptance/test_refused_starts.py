"""A start that cannot succeed ends with one sentence, which names the variable and quotes its value."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.helpers.server import ROOT


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def refusal(**environment: str) -> str:
    """What the service says, and nothing else."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MUSICGEN_")}
    result = subprocess.run(
        [sys.executable, "-m", "gunicorn", "wsgi:app"],
        cwd=ROOT,
        env=inherited | {"HOST": "127.0.0.1", "PORT": "0"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1
    (line,) = [line for line in result.stderr.splitlines() if "Starting gunicorn" not in line]
    return line.removeprefix("MusicGen API cannot start: ")


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("HOST", "no-such-host.invalid"),
        ("HOST", "192.0.2.1"),
        ("HOST", "127.0.0.1:80"),
        ("PORT", "eighty"),
        ("MUSICGEN_MODELS", "me/techno=/no/such/folder"),
        ("MUSICGEN_GRACE_S", "ten"),
    ],
)
def test_a_setting_that_cannot_be_used(variable: str, text: str) -> None:
    said = refusal(**{variable: text})
    assert re.match(rf"{variable} cannot be used: ", said)
    assert repr(text) in said


def test_a_port_that_is_taken(taken: int) -> None:
    said = refusal(PORT=f' "{taken}"\r')
    assert said == f"PORT cannot be used: another process listens on {taken} at '127.0.0.1' (HOST) already."
