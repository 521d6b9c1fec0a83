"""The service behind a real socket, shared by all tests of this folder that need one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.helpers.server import Server

PLACES = 4


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a service that makes silence at a pace and lets a few requests wait; in the end its log has no trace."""
    settings = {"MUSICGEN_QUEUE": str(PLACES), "MUSICGEN_HEARTBEAT_S": "0.2", "MUSICGEN_CLIENT_TIMEOUT_S": "5"}
    log = tmp_path_factory.mktemp("served") / "log"
    with Server(settings, log, application="tests.helpers.paced_service:app") as server:
        server.wait_until_free()
        yield server
        assert not list(server.temporary.iterdir())
        for word in ("Traceback", "ERROR", "Exception"):
            assert word not in server.log, server.log


@pytest.fixture(scope="package")
def statuses() -> Iterator[Counter[int]]:
    """Count the answers that applications in this process give, and say in the end how many there were (`-s` shows)."""
    counted: Counter[int] = Counter()
    yield counted
    print(f"\n{counted.total()} generated requests were answered with {dict(sorted(counted.items()))}")
