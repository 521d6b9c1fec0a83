"""What several acceptance tests stand on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers import nginx
from tests.helpers.nginx import Proxy
from tests.helpers.server import Server


@pytest.fixture
def paced(tmp_path: Path) -> Callable[..., Server]:
    """Prepare a service of one's own that makes silence at a pace, up to an hour, with these settings."""

    def prepare(**settings: str) -> Server:
        longest = {"MUSICGEN_MAX_DURATION_S": "3600"}
        return Server(longest | settings, tmp_path / "log", application="tests.helpers.paced_service:app")

    return prepare


@pytest.fixture
def proxy(server: Server, tmp_path: Path) -> Iterator[Proxy]:
    """Put nginx in front of the session's service."""
    with nginx.in_front_of(server, tmp_path) as proxy:
        yield proxy
