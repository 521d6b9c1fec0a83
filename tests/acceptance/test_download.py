"""Models come from a hub: with progress, to be left at any moment, and with a reason if they do not come."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Checkpoints
from tests.helpers.hub import Hub
from tests.helpers.server import Server, read_events, wait_until

MODEL = "facebook/musicgen-small"
LONG_S = 300
FREE_S = 1.0


@pytest.fixture(scope="module")
def started(checkpoints: Checkpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Hub, Path]]:
    """Start a service whose models come from a hub, and which forgets them as soon as they are idle."""
    folder = tmp_path_factory.mktemp("download")
    home = folder / "home"
    with Hub(checkpoints.repositories, moved={"t5-base": "google-t5/t5-base"}) as hub:
        settings = {"MUSICGEN_DEFAULT_MODEL": MODEL, "MUSICGEN_PRELOAD": "false", "MUSICGEN_MODEL_IDLE_S": "0.05"}
        with Server(settings | hub.environment(home), folder / "log") as server:
            yield server, hub, home


@pytest.fixture
def server(started: tuple[Server, Hub, Path]) -> Iterator[Server]:
    """Lend the service with nothing downloaded and nothing in memory."""
    server, hub, home = started
    wait_until(lambda: not any(model["loaded"] for model in server.get("/api/models").json()["models"]))
    shutil.rmtree(home, ignore_errors=True)
    hub.requests.clear()
    hub.bytes_sent = 0
    yield server
    server.wait_until_free()


@pytest.fixture
def hub(started: tuple[Server, Hub, Path]) -> Iterator[Hub]:
    """Lend the hub, which is fast and whole again after each test."""
    _, hub, _ = started
    repositories = hub.repositories
    yield hub
    hub.bytes_per_second = hub.status = hub.breaks_after = None
    hub.delay_s = 0.0
    hub.repositories = repositories


@contextmanager
def offline(hub: Hub) -> Iterator[None]:
    """Take the hub away for a while."""
    hub.stop()
    try:
        yield
    finally:
        hub.start()


def loading(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["status"] == "loading"]


def test_a_download_shows_its_bytes_and_then_the_music_comes(server: Server, hub: Hub) -> None:
    hub.bytes_per_second = 3_000_000
    events = server.events(duration=1)
    assert events[0]["status"] == "started"
    assert events[-1]["status"] == "completed"
    bytes_done = [event["bytes_done"] for event in loading(events)]
    assert bytes_done == sorted(bytes_done)
    assert len(set(bytes_done)) >= 5
    assert all(event["bytes_done"] <= event["bytes_total"] and event["model"] == MODEL for event in loading(events))
    assert bytes_done[-1] == hub.bytes_sent


def test_a_model_that_was_downloaded_needs_no_hub_any_more(server: Server, hub: Hub) -> None:
    server.events(duration=1)
    wait_until(lambda: not any(model["loaded"] for model in server.get("/api/models").json()["models"]))
    asked = len(hub.requests)
    begin = time.monotonic()
    with offline(hub):
        events = server.events(duration=1)
    assert events[-1]["status"] == "completed"
    assert not loading(events)
    assert time.monotonic() - begin < 10  # the client tries a hub that is away for 23 s
    assert len(hub.requests) == asked


def test_leaving_in_a_download_frees_the_lock_and_ends_the_download(server: Server, hub: Hub) -> None:
    hub.bytes_per_second = 200_000
    with server.music(duration=LONG_S) as response:
        next(event for event in read_events(response.iter_lines()) if event["status"] == "loading")
    server.wait_until_free(FREE_S)
    wait_until(lambda: stands_still(hub), timeout_s=5, why="the hub to be left alone")
    hub.bytes_per_second = None
    assert server.events(duration=1)[-1]["status"] == "completed"


def stands_still(hub: Hub) -> bool:
    """Tell whether the hub sends nothing for a quarter of a second."""
    before, begin = hub.bytes_sent, time.monotonic()
    wait_until(lambda: time.monotonic() - begin > 0.25)
    return hub.bytes_sent == before


def test_leaving_before_the_hub_answers_frees_the_lock(server: Server, hub: Hub) -> None:
    hub.delay_s = 3.0
    with server.music(duration=LONG_S):
        wait_until(lambda: hub.requests, why="the hub to be asked")
    server.wait_until_free(FREE_S)


def test_without_a_network_a_model_is_a_500_with_the_reason_and_the_next_request_gets_it(
    server: Server, hub: Hub
) -> None:
    with offline(hub):
        response = server.post("/generate", {"model": MODEL, "prompt": "slow sad piano", "duration": 1})
    assert response.status_code == 500
    assert response.json()["code"] == "model_offline"
    assert str(hub.port) not in response.json()["error"]
    assert not server.busy
    assert server.events(duration=1)[-1]["status"] == "completed"


def test_a_model_that_the_hub_does_not_have_is_said_to_be_missing(server: Server, hub: Hub) -> None:
    answer = server.events(model="facebook/musicgen-large", duration=1)[-1]
    assert answer["code"] == "model_not_found"
    assert "facebook/musicgen-large" in answer["error"]


def test_a_hub_that_refuses_is_said_to_refuse(server: Server, hub: Hub) -> None:
    hub.status = HTTPStatus.FORBIDDEN
    assert server.events(duration=1)[-1]["code"] in {"model_offline", "model_failed"}


def test_a_download_that_breaks_off_again_and_again_says_so(server: Server, hub: Hub) -> None:
    hub.breaks_after = 10_000
    answer = server.events(duration=1)[-1]
    assert answer["code"] in {"model_offline", "model_failed"}
    assert "broke off" in answer["error"]
    hub.breaks_after = None
    assert server.events(duration=1)[-1]["status"] == "completed"


def test_the_diffusion_s_weights_come_from_the_hub_too(server: Server, hub: Hub) -> None:
    events = server.events(duration=1, mbd=True)
    assert events[-1]["status"] == "completed"
    assert "GET /facebook/multiband-diffusion/resolve/main/mbd_musicgen_32khz.th" in hub.requests
    assert "diffusing" in {event.get("phase") for event in events}


def test_missing_weights_of_the_diffusion_are_an_error_before_the_first_step(server: Server, hub: Hub) -> None:
    hub.repositories = {name: folder for name, folder in hub.repositories.items() if "diffusion" not in name}
    events = server.events(duration=1, mbd=True)
    assert events[-1]["code"] == "diffusion_unavailable"
    assert "generating" not in {event.get("phase") for event in events}
