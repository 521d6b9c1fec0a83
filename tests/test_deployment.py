from __future__ import annotations

import re

import pytest
import yaml

from musicgen_api.settings import Settings
from tests.fakes import ROOT

CANCELLING_S = 15  # what gunicorn.conf.py adds to the grace, for a job to react to its cancellation


def read(path: str) -> str:
    return (ROOT / path).read_text()


def test_compose_waits_longer_than_the_service_takes_to_stop() -> None:
    app = yaml.safe_load(read("compose.yaml"))["services"]["app"]
    assert int(app["stop_grace_period"].removesuffix("s")) > Settings().grace_s + CANCELLING_S


def test_kubernetes_waits_longer_than_the_service_takes_to_stop() -> None:
    deployment = next(yaml.safe_load_all(read("deploy/kubernetes.yaml")))
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > Settings().grace_s + CANCELLING_S


@pytest.mark.parametrize("file", ["compose.yaml", "deploy/kubernetes.yaml"])
def test_behind_one_proxy_exactly_one_hop_is_believed(file: str) -> None:
    assert re.search(r'MUSICGEN_PROXY_HOPS(: |, value: ")1\b', read(file))


def test_compose_publishes_on_this_machine_only_unless_told_otherwise() -> None:
    ports = yaml.safe_load(read("compose.yaml"))["services"]["nginx"]["ports"]
    assert ports == ["${PUBLISH:-127.0.0.1:8000}:8000"]


def test_the_gpu_override_only_adds_to_services_of_the_compose_file() -> None:
    services = yaml.safe_load(read("compose.yaml"))["services"]
    assert yaml.safe_load(read("compose.gpu.yaml"))["services"].keys() <= services.keys()


def test_nginx_lets_a_body_pass_that_the_service_takes() -> None:
    limit = re.search(r"client_max_body_size (\d+)k;", read("deploy/nginx.conf"))
    assert limit
    assert int(limit[1]) * 1024 > Settings().max_body_bytes


def test_the_image_gets_all_that_the_service_runs_on_and_no_more() -> None:
    allowed = {line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")}
    assert all((ROOT / name).exists() for name in allowed)
    assert {"musicgen_api", "templates", "bundled", "wsgi.py", "gunicorn.conf.py"} <= allowed
    assert "*" in read(".dockerignore").splitlines()


def test_the_container_is_no_root_and_reports_its_health() -> None:
    dockerfile = read("Dockerfile")
    assert re.search(r"^USER [1-9]\d*$", dockerfile, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*\n.*/livez", dockerfile, re.MULTILINE)
