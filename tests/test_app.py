"""The application as a whole, over a fake synthesizer: routes, headers, proxies, and the two documents' answers."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import pytest

from musicgen_api import create_app
from musicgen_api.domain.request import Monitor, Music, MusicRequest, Phase
from musicgen_api.settings import ConfigurationError, Settings
from tests.helpers.fakes import WAV, Pause, Service, a_request, service
from tests.helpers.server import read_events, wait_until

GENERATE = {"model": "facebook/musicgen-small", "prompt": "piano"}
FORWARDED = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "music.example.org",
    "X-Forwarded-Prefix": "/studio",
}


@pytest.fixture
def running() -> Iterator[Service]:
    with service() as running:
        yield running


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/static/main.js", 200),
        ("GET", "/api/healthcheck", 200),
        ("GET", "/api/models", 200),
        ("GET", "/livez", 200),
        ("GET", "/readyz", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/nowhere", 404),
        ("GET", "/generate", 405),
        ("POST", "/generate", 415),
        ("POST", "/api/music", 400),
        ("OPTIONS", "/api/music", 200),
        ("HEAD", "/", 200),
    ],
)
def test_every_response_has_the_security_headers(running: Service, method: str, path: str, status: int) -> None:
    response = running.client.open(path, method=method)
    assert response.status_code == status
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    response.close()


def test_the_page_s_policy_lets_its_own_files_and_sounds_in_and_nothing_else(running: Service) -> None:
    response = running.client.get("/")
    sources = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
    assert sources["script-src"] == sources["style-src"] == sources["connect-src"] == "'self'"
    assert sources["media-src"] == "'self' blob:"
    scripts = re.findall(r"<script([^>]*)>", response.text)
    assert scripts
    assert all(" src=" in attributes or ' type="application/json"' in attributes for attributes in scripts)
    assert not re.search(r"<style|\son\w+=|\sstyle=", response.text)


def test_generate_answers_with_the_file_and_what_makes_it_again(running: Service) -> None:
    response = running.client.post("/generate", json=GENERATE | {"seed": 77, "duration": 1, "recipe": False})
    assert (response.status_code, response.content_type) == (200, "audio/wav")
    assert response.data == WAV
    assert response.headers["Content-Length"] == str(len(WAV))
    assert response.headers["Content-Disposition"] == "attachment; filename=music.wav"
    assert response.headers["X-MusicGen-Seed"] == "77"
    assert response.headers["X-MusicGen-Model"] == "facebook/musicgen-small"
    assert response.headers["Cache-Control"] == "no-store"


def test_a_drawn_seed_is_the_one_that_was_used(running: Service) -> None:
    response = running.client.post("/generate", json=GENERATE)
    assert response.headers["X-MusicGen-Seed"] == str(running.synthesizer.requests[-1].seed)
    first, *_, last = read_events(running.client.post("/api/music", json={"description": "piano"}).data.splitlines())
    assert first["seed"] == last["seed"] == running.synthesizer.requests[-1].seed


def test_the_stream_starts_at_once_progresses_and_completes(running: Service) -> None:
    response = running.client.post("/api/music", json={"description": "piano", "duration": 1, "recipe": False})
    assert (response.status_code, response.mimetype) == (200, "text/event-stream")
    assert response.headers["Cache-Control"] == "no-cache, no-transform"
    assert response.headers["X-Accel-Buffering"] == "no"
    events = list(read_events(response.data.splitlines()))
    assert [event["status"] for event in events[:2]] == ["started", "generating"]
    assert events[0]["model"] == "bundled/musicgen-tiny"
    assert (events[-2]["status"], events[-2]["progress"]) == ("generating", 100)
    assert events[-1]["status"] == "completed"
    assert base64.b64decode(events[-1]["audio_data"]) == WAV


def test_in_a_silent_phase_the_last_progress_is_repeated() -> None:
    pause = Pause()

    def act(request: MusicRequest, monitor: Monitor) -> Music:
        monitor.progress(40, Phase.DECODING)
        return pause(request, monitor)

    with service(act, heartbeat_s=0.05) as running:
        response = running.client.post("/api/music", json={"description": "piano"})
        stream = read_events(line for chunk in response.response for line in chunk.splitlines())
        events = []
        while [event.get("progress") for event in events[-3:]] != [40, 40, 40]:
            events.append(next(stream))
        pause.proceed.set()
        events += stream
    assert events[-1]["status"] == "completed"
    percents = [event["progress"] for event in events if event["status"] == "generating"]
    assert percents == sorted(percents)
    assert percents.count(100) == 1


def test_a_download_is_told_and_repeated_like_progress() -> None:
    pause = Pause()

    def act(request: MusicRequest, monitor: Monitor) -> Music:
        monitor.download(request.model, 10, 100)
        return pause(request, monitor)

    with service(act, heartbeat_s=0.05) as running:
        response = running.client.post("/api/music", json={"description": "piano"})
        stream = read_events(line for chunk in response.response for line in chunk.splitlines())
        loading = [event for event in (next(stream) for _ in range(5)) if event["status"] == "loading"]
        pause.proceed.set()
        assert len(list(stream)) >= 2
    assert len(loading) > 1
    assert loading[0] == {"status": "loading", "model": "bundled/musicgen-tiny", "bytes_done": 10, "bytes_total": 100}


@pytest.mark.parametrize("read", [0, 1, 2])
def test_a_stream_that_is_closed_stops_the_job_also_if_nothing_of_it_was_read(read: int) -> None:
    with service(Pause()) as running:
        response = running.client.post("/api/music", json={"description": "piano"})
        stream = iter(response.response)
        for _ in range(read):
            next(stream)
        assert running.gpu_thread.busy
        response.close()
        wait_until(lambda: not running.gpu_thread.busy, 1)
        assert running.gpu_thread.alive


def test_the_health_check_has_those_two_bodies_exactly() -> None:
    pause = Pause()
    with service(pause) as running:
        response = running.client.get("/api/healthcheck")
        assert (response.status_code, response.get_json()) == (200, {"status": "healthy"})
        running.gpu_thread.submit(a_request())
        response = running.client.get("/api/healthcheck")
        assert (response.status_code, response.get_json()) == (503, {"status": "busy"})
        assert response.headers["Retry-After"].isdecimal()
        assert running.client.get("/readyz").status_code == 200  # busy with a job is ready
        pause.proceed.set()


def test_a_thread_that_has_ended_is_neither_alive_nor_ready(running: Service) -> None:
    running.gpu_thread.stop()
    assert running.client.get("/livez").status_code == 503
    assert running.client.get("/readyz").status_code == 503


def test_busy_on_both_routes_for_a_volley_of_requests() -> None:
    pause = Pause()
    with service(pause) as running:
        running.gpu_thread.submit(a_request())
        for path, body in [("/generate", GENERATE), ("/api/music", {"description": "piano"})]:
            response = running.client.post(path, json=body)
            assert (response.status_code, response.get_json()["code"]) == (503, "busy")
        pause.proceed.set()


def test_an_invalid_request_is_told_so_also_while_busy() -> None:
    pause = Pause()
    with service(pause) as running:
        running.gpu_thread.submit(a_request())
        assert running.client.post("/generate", json={}).status_code == 422
        assert running.client.post("/api/music", json={}).status_code == 400
        pause.proceed.set()


def links(page: str) -> set[str]:
    """Every address that the page refers to."""
    return set(re.findall(r'(?:href|src|action)="([^"#]+)"', page)) | set(re.findall(r"curl (\S+)", page))


def test_without_a_configured_proxy_its_headers_are_not_believed(running: Service) -> None:
    page = running.client.get("/", headers=FORWARDED).text
    assert "/studio/" not in page
    assert "example.org" not in page
    assert "http://localhost/generate" in links(page)


def test_behind_one_proxy_the_page_works_under_its_prefix_and_address() -> None:
    with service(proxy_hops=1) as running:
        page = running.client.get("/", headers=FORWARDED).text
        assert "https://music.example.org/studio/generate" in links(page)
        assert '"/studio/api/music"' in page
        local = {link for link in links(page) if link.startswith("/")}
        assert all(link.startswith("/studio/") for link in local), local
        for link in local:
            response = running.client.get(link.removeprefix("/studio"), headers=FORWARDED)
            assert response.status_code == 200, link
            response.close()


def test_of_a_chain_of_proxies_only_the_configured_hops_are_believed() -> None:
    with service(proxy_hops=1) as running:
        page = running.client.get("/", headers=FORWARDED | {"X-Forwarded-Host": "evil.example, good.example"}).text
        assert "good.example" in page
        assert "evil" not in page


def test_the_service_starts_its_own_thread_and_is_ready_before_any_model_is_loaded() -> None:
    app = create_app(Settings(preload=False))
    gpu_thread = app.extensions["musicgen_gpu_thread"]
    try:
        wait_until(lambda: gpu_thread.ready)
        models = app.test_client().get("/api/models").get_json()["models"]
        assert not any(model["loaded"] for model in models)
    finally:
        gpu_thread.stop()


def test_a_start_with_an_impossible_setting_is_refused_before_a_thread_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSICGEN_DEFAULT_MODEL", "no/such")
    with pytest.raises(ConfigurationError, match="MUSICGEN_DEFAULT_MODEL"):
        create_app()
