"""Python programs in processes of their own, for what would take this one along: limits of memory, say."""

from __future__ import annotations

import subprocess
import sys

from tests.helpers.fakes import ROOT


def run_python(program: str) -> str:
    """Run `program` in the project's folder; what it printed. An error of it is shown and fails the test."""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
