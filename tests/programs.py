"""Programs that some tests need besides Python packages: a browser and a web server.

Where one is missing, its tests are skipped on a user's machine; MUSICGEN_TEST_REQUIRE_ALL=1, which CI sets, fails them.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])


def chromium() -> Path:
    """The path of Chromium, for playwright's `executable_path`; skips or fails the test where there is none."""
    return _find(*_CHROMIUM, package="chromium")


def nginx() -> Path:
    """The path of nginx; skips or fails the test where there is none."""
    return _find("nginx", package="nginx-light")


def _find(*names: str, package: str) -> Path:
    for name in names:
        if path := shutil.which(name, path=_SEARCH_PATH):
            return Path(path)
    reason = f"{names[0]} is not installed (Debian's package {package})"
    if os.environ.get("MUSICGEN_TEST_REQUIRE_ALL") == "1":
        pytest.fail(f"{reason}, and MUSICGEN_TEST_REQUIRE_ALL=1 lets no test be skipped")
    pytest.skip(reason)
