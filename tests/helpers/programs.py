"""Programs that some tests need besides Python packages: a browser, a web server, ffmpeg, makers of boxes and keys.

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


def promtool() -> Path:
    """The path of promtool; skips or fails the test where there is none."""
    return _find("promtool", package="prometheus")


def util_linux() -> None:
    """Look for the programs that put a process on mounts and limits of its own; skips or fails where one is missing."""
    for name in ("unshare", "mount", "setpriv", "prlimit", "taskset"):
        _find(name, package="util-linux and mount")


def chroot() -> Path:
    """The path of chroot, which is not on every user's own; skips or fails the test where there is none."""
    return _find("chroot", package="coreutils")


def openssl() -> Path:
    """The path of openssl; skips or fails the test where there is none."""
    return _find("openssl", package="openssl")


def ffmpeg() -> Path:
    """The path of ffmpeg; ffprobe lies beside it. Skips or fails the test where there is none."""
    return _find("ffmpeg", package="ffmpeg")


def _find(*names: str, package: str) -> Path:
    for name in names:
        if path := shutil.which(name, path=_SEARCH_PATH):
            return Path(path)
    reason = f"{names[0]} is not installed (Debian's package {package})"
    if os.environ.get("MUSICGEN_TEST_REQUIRE_ALL") == "1":
        pytest.fail(f"{reason}, and MUSICGEN_TEST_REQUIRE_ALL=1 lets no test be skipped")
    pytest.skip(reason)
