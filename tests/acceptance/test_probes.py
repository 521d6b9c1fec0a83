"""Probes of a real service that cannot generate: which one fails, what it says, and how the service recovers."""

from __future__ import annotations

import html
import shutil
from pathlib import Path

import pytest

from tests.conftest import Checkpoints
from tests.helpers.server import START_S, Server, wait_until

pytestmark = pytest.mark.timeout(600)  # each test starts a service of its own

REQUEST = {"prompt": "slow sad piano", "duration": 1}


def test_a_default_model_that_cannot_be_loaded_is_not_ready_until_it_can_without_any_request(
    checkpoints: Checkpoints, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(checkpoints.mono, folder)
    (folder / "state_dict.bin").write_bytes(b"no checkpoint")
    environment = {
        "MUSICGEN_DEFAULT_MODEL": "test/mono",
        "MUSICGEN_MODELS": f"test/mono={folder},test/stereo={checkpoints.stereo}",
        "MUSICGEN_MAX_MODELS": "2",
    }
    with Server(environment, tmp_path / "log") as server:
        wait_until(lambda: server.get("/readyz").json().get("code") == "model_damaged", START_S, why="the failed load")
        reason = server.get("/readyz").json()["error"]
        assert "test/mono could not be loaded" in reason
        assert server.get("/livez").json() == {"status": "alive"}
        assert server.busy
        assert reason in html.unescape(server.get("/").text)

        wait_until(lambda: server.post("/generate", REQUEST | {"model": "test/stereo"}).ok, 60, why="the other model")
        assert server.get("/readyz").status_code == 503
        assert server.post("/generate", REQUEST | {"model": "test/mono"}).json()["code"] in ("model_damaged", "busy")

        shutil.copy(checkpoints.mono / "state_dict.bin", tmp_path / "whole.bin")
        (tmp_path / "whole.bin").rename(folder / "state_dict.bin")
        server.wait_until_ready(300)  # the waits between two tries have grown
        server.wait_until_free()
        assert server.events(duration=1)[-1]["status"] == "completed"
        assert reason not in html.unescape(server.get("/").text)


def test_an_import_that_fails_is_neither_ready_nor_alive_and_is_not_tried_again(tmp_path: Path) -> None:
    package = tmp_path / "packages" / "audiocraft"
    package.mkdir(parents=True)
    tries = tmp_path / "tries"
    (package / "__init__.py").write_text(
        f"open({str(tries)!r}, 'a').write('once ')\nraise KeyError('getpwuid(): uid not found: 12345')\n"
    )
    with Server({"PYTHONPATH": str(package.parent)}, tmp_path / "log") as server:
        wait_until(lambda: server.get("/livez").status_code == 503, START_S, why="the failed import")
        body = server.get("/livez").json()
        assert (body["status"], body["code"]) == ("dead", "start_failed")
        assert "KeyError" in body["error"]
        assert server.get("/readyz").json() == body | {"status": "not ready"}
        assert server.busy
        assert body["error"] in html.unescape(server.get("/").text)
        for _ in range(2):
            answer = server.post("/generate", REQUEST | {"model": "bundled/musicgen-tiny"})
            assert answer.status_code == 500
            assert answer.json() == {name: value for name, value in body.items() if name != "status"}
        assert "getpwuid(): uid not found: 12345" in server.log
        assert tries.read_text() == "once "
        assert server.terminate() == 0
