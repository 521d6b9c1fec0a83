"""What supervisors, load balancers and people are told while the service cannot generate."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient

from musicgen_api import create_app
from musicgen_api.domain.errors import DeviceLost, DeviceMissing, ModelDamaged, ModelOffline
from musicgen_api.domain.request import Monitor
from musicgen_api.jobs.gpu_thread import GpuThread
from musicgen_api.settings import Settings
from tests.helpers.fakes import FakeSynthesizer, Pause, a_request, fail_with, service
from tests.helpers.server import wait_until

REASON = "facebook/musicgen-small could not be loaded: the hub cannot be reached & <nothing> is here."


@contextmanager
def starting(make: Callable[[], FakeSynthesizer]) -> Iterator[tuple[FlaskClient, GpuThread]]:
    """The application while its GPU thread starts with whatever `make` gives, or raises."""
    gpu_thread = GpuThread(make)
    gpu_thread.start()
    try:
        yield create_app(Settings(), gpu_thread=gpu_thread).test_client(), gpu_thread
    finally:
        gpu_thread.stop()


def failing_to_load(error: BaseException) -> Callable[[], FakeSynthesizer]:
    def refuse(monitor: Monitor) -> None:
        raise error

    return lambda: FakeSynthesizer(fail_with(error), on_preload=refuse)


def failing_to_start(error: BaseException) -> Callable[[], FakeSynthesizer]:
    def make() -> FakeSynthesizer:
        raise error

    return make


def ask(client: FlaskClient, path: str) -> tuple[int, dict[str, Any]]:
    response = client.get(path)
    assert response.headers["Cache-Control"] == "no-store"
    assert ("Retry-After" in response.headers) == (response.status_code == 503)
    return response.status_code, response.get_json()


ALIVE = (200, {"status": "alive"})
BUSY = (503, {"status": "busy"})


def test_all_is_well() -> None:
    with starting(FakeSynthesizer) as (client, gpu_thread):
        wait_until(lambda: not gpu_thread.busy)
        assert ask(client, "/livez") == ALIVE
        assert ask(client, "/readyz") == (200, {"status": "ready"})
        assert ask(client, "/api/healthcheck") == (200, {"status": "healthy"})


def test_while_the_default_model_is_being_loaded_the_service_says_so() -> None:
    pause = Pause()
    with starting(lambda: FakeSynthesizer(on_preload=pause.wait)) as (client, _):
        assert ask(client, "/livez") == ALIVE
        status, body = ask(client, "/readyz")
        assert (status, body["status"], body["code"]) == (503, "not ready", "busy")
        assert "the default model is being loaded" in body["error"]
        assert ask(client, "/api/healthcheck") == BUSY
        assert 'id="unready"' not in client.get("/").text  # it passes by itself


@pytest.mark.parametrize("error", [ModelOffline(REASON), ModelDamaged(REASON)], ids=lambda error: error.code)
def test_a_default_model_that_cannot_be_loaded_is_alive_and_not_ready_and_the_reason_is_told(
    error: ModelOffline | ModelDamaged,
) -> None:
    with starting(failing_to_load(error)) as (client, gpu_thread):
        wait_until(lambda: not gpu_thread.busy)
        assert ask(client, "/livez") == ALIVE
        assert ask(client, "/readyz") == (503, {"status": "not ready", "error": REASON, "code": error.code})
        assert ask(client, "/api/healthcheck") == BUSY
        assert REASON in html.unescape(client.get("/").text)
        assert client.post("/generate", json={"model": "facebook/musicgen-small", "prompt": "x"}).status_code == 500


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
@pytest.mark.parametrize(
    ("error", "code"), [(ImportError("in /srv/secret"), "start_failed"), (DeviceMissing("No GPU."), "device_missing")]
)
def test_a_synthesizer_that_cannot_start_is_neither_alive_nor_ready_and_every_request_gets_the_first_reason(
    path: str, error: Exception, code: str
) -> None:
    with starting(failing_to_start(error)) as (client, gpu_thread):
        wait_until(lambda: not gpu_thread.busy)
        status, body = ask(client, path)
        assert (status, body["status"], body["code"]) == (503, {"/livez": "dead", "/readyz": "not ready"}[path], code)
        assert "secret" not in body["error"]
        assert ask(client, "/api/healthcheck") == BUSY
        assert body["error"] in html.unescape(client.get("/").text)
        for route, request in [
            ("/generate", {"model": "facebook/musicgen-small", "prompt": "piano"}),
            ("/api/music", {"description": "piano"}),
        ]:
            response = client.post(route, json=request)
            assert response.status_code == 500
            assert response.get_json() == {name: value for name, value in body.items() if name != "status"}


def test_a_lost_device_is_neither_alive_nor_ready_nor_healthy() -> None:
    with service(fail_with(DeviceLost("Gone."))) as running:
        running.gpu_thread.submit(a_request())
        wait_until(lambda: not running.gpu_thread.busy)
        for path, name in [("/livez", "dead"), ("/readyz", "not ready")]:
            status, body = ask(running.client, path)
            assert (status, body["status"], body["code"]) == (503, name, "device_lost")
        assert ask(running.client, "/api/healthcheck") == BUSY


def test_a_process_that_was_told_to_stop_is_not_ready_nor_healthy() -> None:
    pause = Pause()
    with service(pause) as running:
        running.gpu_thread.stop()
        status, body = ask(running.client, "/readyz")
        assert (status, body["code"]) == (503, "shutting_down")
        assert ask(running.client, "/api/healthcheck") == BUSY
