"""`GET /metrics`: every figure from what really happened, under the names that alerts and dashboard ask for."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from musicgen_api import create_app
from musicgen_api.domain.asker import NOBODY
from musicgen_api.domain.errors import OutOfMemory
from musicgen_api.domain.request import Backend, Monitor, Music, MusicRequest, Phase, Sound
from musicgen_api.jobs.line import Line
from musicgen_api.settings import Settings
from tests.helpers import programs
from tests.helpers.fakes import MUSIC, ROOT, FakeSynthesizer, Pause, Service, a_request, fail_with, running, service
from tests.helpers.routes import VALID
from tests.helpers.server import wait_until

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana-dashboard.json"
SMALL = "facebook/musicgen-small"
TINY = "bundled/musicgen-tiny"


def scrape(service: Service) -> str:
    response = service.client.get("/metrics")
    assert (response.status_code, response.mimetype) == (200, "text/plain")
    return response.text


@pytest.mark.parametrize(
    ("accepted", "kind"),
    [
        ("text/plain; version=1.x", "text/plain"),
        ("application/openmetrics-text; version=x", "text/plain"),
        ("application/openmetrics-text; version=1.0.0; escaping=x", "application/openmetrics-text"),
        ("application/openmetrics-text; version=9.1, */*", "application/openmetrics-text"),
        ("\xff;;=,", "text/plain"),
    ],
)
def test_any_accept_header_gets_the_figures(accepted: str, kind: str) -> None:
    with service() as running:
        response = running.client.get("/metrics", headers={"Accept": accepted})
    assert (response.status_code, response.mimetype) == (200, kind)
    assert "musicgen_busy 0.0" in response.text


def values(service: Service) -> dict[str, dict[tuple[str, ...], float]]:
    """Each sample by its name and the values of its labels, in the order of the labels' names."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(scrape(service)):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_jobs_are_counted_by_outcome_model_and_family_with_their_music_work_and_pace() -> None:
    with service() as running:
        for _ in range(2):
            running.client.post("/generate", json=VALID["/generate"] | {"duration": 20})
        assert running.client.post("/api/music", json={"description": "piano", "takes": 3, "duration": 4}).data
        running.synthesizer.act = fail_with(OutOfMemory("Too much."))
        running.client.post("/generate", json=VALID["/generate"])
        now = values(running)
    assert now["musicgen_jobs_total"] == {
        ("documents", SMALL, "completed"): 2,
        ("documents", TINY, "completed"): 1,
        ("documents", SMALL, "out_of_memory"): 1,
    }
    assert now["musicgen_music_seconds_sum"] == {(SMALL,): 40, (TINY,): 12}
    assert now["musicgen_work_seconds_count"] == {(SMALL,): 2, (TINY,): 1}
    assert now["musicgen_real_time_factor_sum"][(SMALL,)] > 100
    assert now["musicgen_wait_seconds_count"][()] == 4
    assert now["musicgen_first_sound_seconds_count"] == {("false",): 3}
    assert now["process_resident_memory_bytes"][()] > 10**6


def test_the_first_sound_of_a_live_job_is_its_first_piece() -> None:
    pause = Pause()

    def act(request: MusicRequest, monitor: Monitor) -> Music:
        monitor.sound(Sound(0.0, np.zeros((1, 32_000), np.int16), 32_000))
        pause.proceed.wait(0.3)
        return MUSIC

    with service(act) as running:
        assert running.client.post("/api/music", json={"description": "piano", "duration": 1, "live": True}).data
        now = values(running)
    assert now["musicgen_first_sound_seconds_count"] == {("true",): 1}
    assert now["musicgen_first_sound_seconds_sum"][("true",)] < now["musicgen_work_seconds_sum"][(TINY,)]


def test_refusals_are_counted_by_reason() -> None:
    pause = Pause()
    with service(pause, api_keys="anne:0123456789abcdef") as running:
        running.client.environ_base["HTTP_AUTHORIZATION"] = "Bearer 0123456789abcdef"
        job = running.gpu_thread.submit(a_request())
        running.client.post("/generate", json=VALID["/generate"])
        running.client.post("/api/music", json={})
        running.client.post("/api/music", json={}, headers={"Origin": "https://elsewhere.example"})
        running.client.post("/generate", json={}, headers={"Authorization": "Bearer wrong"})
        running.client.get("/nowhere")
        pause.proceed.set()
        wait_until(lambda: job.finished)
        now = values(running)["musicgen_refused_total"]
        assert running.client.get("/metrics", headers={"Authorization": ""}).status_code == 401
    reasons = ["busy", "invalid_fields", "foreign_origin", "unauthorized"]
    assert now == {("documents", reason): 1 for reason in reasons} | {("", "not_found"): 1}


def test_the_gauges_say_how_it_is_at_the_moment() -> None:
    pause = Pause()
    synthesizer = FakeSynthesizer(pause, backends={TINY: Backend("engine", "int8")})
    with running(synthesizer, line=Line(2)) as gpu_thread:
        service = Service(create_app(Settings(), gpu_thread=gpu_thread).test_client(), gpu_thread, synthesizer)
        assert values(service)["musicgen_busy"][()] == values(service)["musicgen_waiting"][()] == 0
        jobs = [gpu_thread.submit(a_request(), NOBODY) for _ in range(3)]
        assert pause.entered.wait(10)
        now = values(service)
        assert (now["musicgen_busy"][()], now["musicgen_waiting"][()]) == (1, 2)
        assert (now["musicgen_ready"][()], now["musicgen_alive"][()]) == (1, 1)
        assert now["musicgen_model_loaded"] == {(TINY,): 1}
        jobs[2].cancel()
        wait_until(lambda: values(service)["musicgen_waiting"][()] == 1)
        pause.proceed.set()
        wait_until(lambda: not gpu_thread.busy)
        now = values(service)
    assert now["musicgen_jobs_total"] == {("", TINY, "completed"): 2, ("", TINY, "cancelled"): 1}
    assert now["musicgen_wait_seconds_count"][()] == 2


def test_each_application_counts_for_itself() -> None:
    with service() as first, service() as second:
        first.client.post("/generate", json=VALID["/generate"])
        assert "musicgen_jobs_total" in values(first)
        assert "musicgen_jobs_total" not in values(second)


def names_in(text: str) -> set[str]:
    return set(re.findall(r"\b(?:musicgen|process)_[a-z_]+", text))


def known_names() -> set[str]:
    with service() as running:
        running.client.post("/generate", json=VALID["/generate"])
        running.client.get("/nowhere")
        return names_in(scrape(running))


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def test_the_alerts_and_the_dashboard_ask_for_figures_that_there_are() -> None:
    known = known_names()
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(panels) >= 8
    for text in [*queries, *(rule["expr"] for rule in alerts())]:
        assert names_in(text), text
        assert names_in(text) <= known


def promtool(*arguments: str | Path, stdin: str | None = None) -> str:
    command = [programs.promtool(), *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_finds_nothing_wrong_with_the_figures() -> None:
    with service() as running:
        running.client.post("/generate", json=VALID["/generate"])
        assert promtool("check", "metrics", stdin=scrape(running)).strip() == ""


def test_promtool_takes_the_alerts() -> None:
    assert re.search(r"SUCCESS: 3 rules found", promtool("check", "rules", ALERTS))


def series(name: str, numbers: str, **labels: str) -> dict[str, str]:
    labels = {"job": "musicgen", "instance": "a:8000"} | labels
    inside = ", ".join(f'{key}="{value}"' for key, value in labels.items())
    return {"series": f"{name}{{{inside}}}", "values": numbers}


WELL = [series("up", "1x60"), series("musicgen_ready", "1x60"), series("musicgen_busy", "0x60")]
CASES: dict[str, tuple[list[dict[str, str]], set[str]]] = {
    "all is well": (WELL, set()),
    "gone": ([series("up", "0x60")], {"MusicGenNotReady"}),
    "not ready": ([*WELL[:1], series("musicgen_ready", "0x60")], {"MusicGenNotReady"}),
    "a short start": ([*WELL[:1], series("musicgen_ready", "1x50 0x8")], set()),
    "failing": (
        [*WELL, series("musicgen_jobs_total", "0+1x60", outcome="out_of_memory", model="m", api="documents")],
        {"MusicGenJobsFail"},
    ),
    "cancelled by clients": (
        [*WELL, series("musicgen_jobs_total", "0+1x60", outcome="cancelled", model="m", api="documents")],
        set(),
    ),
    "too little of it": (
        [*WELL, series("musicgen_refused_total", "0+5x60", reason="busy", api="documents")],
        {"MusicGenTooBusy"},
    ),
    "refusing what is wrong": (
        [*WELL, series("musicgen_refused_total", "0+5x60", reason="invalid_fields", api="documents")],
        set(),
    ),
}


def test_the_alerts_fire_when_they_should_and_only_then(tmp_path: Path) -> None:
    names = [rule["alert"] for rule in alerts()]
    tests = []
    for case, (inputs, firing) in CASES.items():
        queries = [
            {
                "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}}) or vector(0)',
                "eval_time": "58m",
                "exp_samples": [{"labels": "{}", "value": int(name in firing)}],
            }
            for name in names
        ]
        tests.append({"name": case, "interval": "1m", "input_series": inputs, "promql_expr_test": queries})
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}))
    promtool("test", "rules", file)


def test_while_a_job_runs_its_figures_wait_for_its_end() -> None:
    pause = Pause()

    def act(request: MusicRequest, monitor: Monitor) -> Music:
        monitor.progress(10, Phase.GENERATING)
        return pause(request, monitor)

    with service(act) as running:
        job = running.gpu_thread.submit(a_request())
        assert pause.entered.wait(10)
        assert "musicgen_jobs_total" not in values(running)
        pause.proceed.set()
        wait_until(lambda: job.finished)


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_it_speaks_both_formats(accept: str) -> None:
    with service() as running:
        response = running.client.get("/metrics", headers={"Accept": accept})
    assert response.mimetype == ("application/openmetrics-text" if accept else "text/plain")
    assert response.headers["Cache-Control"] == "no-store"
