from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from musicgen_api.hosts import parse_addresses
from musicgen_api.settings import Settings
from tests.helpers.fakes import ROOT, service
from tests.helpers.set_up import LOCK, installations, make_project, script

UNITS = ["deploy/musicgen-api.service", "deploy/musicgen-api@.service"]
CANCELLING_S = 15  # what gunicorn.conf.py adds to the grace, for a job to react to its cancellation


def read(path: str) -> str:
    return (ROOT / path).read_text()


def manifests() -> dict[tuple[str, str], dict[str, Any]]:
    """Each object of deploy/kubernetes.yaml by its kind and name."""
    objects = yaml.safe_load_all(read("deploy/kubernetes.yaml"))
    return {(found["kind"], found["metadata"]["name"]): found for found in objects}


def test_compose_waits_longer_than_the_service_takes_to_stop() -> None:
    app = yaml.safe_load(read("compose.yaml"))["services"]["app"]
    assert int(app["stop_grace_period"].removesuffix("s")) > Settings().grace_s + CANCELLING_S


def test_kubernetes_waits_longer_than_the_service_takes_to_stop() -> None:
    pod = manifests()["Deployment", "musicgen-api"]["spec"]["template"]["spec"]
    settings = {variable["name"]: variable["value"] for variable in pod["containers"][0]["env"]}
    assert pod["terminationGracePeriodSeconds"] > float(settings["MUSICGEN_GRACE_S"]) + CANCELLING_S


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_waits_longer_than_the_service_takes_to_stop(unit: str) -> None:
    limit = re.search(r"^TimeoutStopSec=(\d+)$", read(unit), re.MULTILINE)
    assert int(limit[1]) > Settings().grace_s + CANCELLING_S


def test_the_unit_for_one_gpu_of_several_differs_from_the_other_one_in_its_gpu_and_port_alone() -> None:
    one, each = ([line for line in read(unit).splitlines() if not line.startswith("#")] for unit in UNITS)
    assert [line for line in each if line not in one] == [
        "Description=MusicGen API on GPU %i",
        "Environment=CUDA_VISIBLE_DEVICES=%i PORT=800%i",
    ]
    assert [line for line in one if line not in each] == ["Description=MusicGen API"]


def test_each_gpu_of_the_compose_file_has_an_instance_under_the_name_that_nginx_knows() -> None:
    services = yaml.safe_load(read("compose.gpus.yaml"))["services"]
    gpus = {
        name: service["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"]
        for name, service in services.items()
        if "deploy" in service
    }
    assert gpus == {"app": ["0"], "app2": ["1"]}
    assert services["app2"]["networks"]["default"]["aliases"] == ["app"]
    assert "server app:8000 " in read("deploy/nginx.conf")
    environment = yaml.safe_load(read("compose.yaml"))["services"]["app"]["environment"]
    assert parse_addresses(environment["MUSICGEN_PEERS"]) == [("app", 8000)]


@pytest.mark.parametrize("version", ["1.29", "1.34", "1.37"])
def test_kubernetes_takes_every_manifest_and_no_field_is_unknown(version: str) -> None:
    for manifest in manifests().values():
        kubernetes_validate.validate(manifest, version, strict=True)
    broken = manifests()["HorizontalPodAutoscaler", "musicgen-api"]
    broken["spec"]["maxReplica"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, version, strict=True)


def test_the_manifests_name_each_other_and_the_figure_rightly() -> None:
    found = manifests()
    pod = found["Deployment", "musicgen-api"]["spec"]["template"]
    labels = pod["metadata"]["labels"]
    for kind, name in [("PodDisruptionBudget", "musicgen-api"), ("Deployment", "musicgen-api")]:
        assert found[kind, name]["spec"]["selector"]["matchLabels"] == labels
    assert found["NetworkPolicy", "musicgen-api"]["spec"]["podSelector"]["matchLabels"] == labels
    assert found["Service", "musicgen-api-pods"]["spec"]["selector"] == labels
    proxy = found["Deployment", "musicgen-nginx"]["spec"]["template"]
    assert found["Service", "musicgen-api"]["spec"]["selector"] == proxy["metadata"]["labels"]
    scaler = found["HorizontalPodAutoscaler", "musicgen-api"]["spec"]
    assert (scaler["scaleTargetRef"]["kind"], scaler["scaleTargetRef"]["name"]) == ("Deployment", "musicgen-api")
    with service() as running:
        assert scaler["metrics"][0]["pods"]["metric"]["name"] in running.client.get("/metrics").text


def test_no_pod_is_root_or_writes_to_its_image() -> None:
    for (kind, _), manifest in manifests().items():
        if kind == "Deployment":
            pod = manifest["spec"]["template"]["spec"]
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["automountServiceAccountToken"] is False
            for container in pod["containers"]:
                context = container["securityContext"]
                assert context["readOnlyRootFilesystem"] is True
                assert context["allowPrivilegeEscalation"] is False
                assert context["capabilities"] == {"drop": ["ALL"]}


def test_the_command_for_nginx_on_kubernetes_makes_it_look_for_the_pods() -> None:
    command = re.search(r"^# +(sed '.*' deploy/nginx.conf) \|$", read("deploy/kubernetes.yaml"), re.MULTILINE)[1]
    made = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    (line,) = [line.strip() for line in made.splitlines() if "resolve" in line]
    resolver, server, _ = (part.strip() for part in line.split(";"))
    assert resolver.startswith("resolver kube-dns.kube-system.")
    assert server == "server musicgen-api-pods.default.svc.cluster.local:8000 resolve max_fails=0"


@pytest.mark.parametrize("file", ["compose.yaml", "deploy/kubernetes.yaml", *UNITS])
def test_behind_one_proxy_exactly_one_hop_is_believed(file: str) -> None:
    assert re.search(r'MUSICGEN_PROXY_HOPS(: |, value: "|=)1\b', read(file))


def test_compose_publishes_on_this_machine_only_unless_told_otherwise() -> None:
    ports = yaml.safe_load(read("compose.yaml"))["services"]["nginx"]["ports"]
    assert ports == ["${PUBLISH:-127.0.0.1:8000}:8000"]


def test_the_gpu_override_only_adds_to_services_of_the_compose_file() -> None:
    services = yaml.safe_load(read("compose.yaml"))["services"]
    assert yaml.safe_load(read("compose.gpu.yaml"))["services"].keys() <= services.keys()


def test_nginx_lets_a_body_pass_that_the_service_takes() -> None:
    limits = re.findall(r"client_max_body_size (\d+[km]);", read("deploy/nginx.conf"))
    units = {"k": 2**10, "m": 2**20}
    plain, *with_files = [int(limit[:-1]) * units[limit[-1]] for limit in limits]
    assert plain > Settings().max_body_bytes
    assert len(with_files) == 2
    assert min(with_files) > Settings().max_upload_bytes


def test_the_image_gets_all_that_the_service_runs_on_and_no_more() -> None:
    allowed = {line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")}
    assert all((ROOT / name).exists() for name in allowed)
    assert {"musicgen_api", "templates", "bundled", "wsgi.py", "gunicorn.conf.py"} <= allowed
    assert "*" in read(".dockerignore").splitlines()


@pytest.mark.parametrize("torch", ["", "cpu"])
def test_the_image_is_built_with_the_torch_that_is_asked_for(torch: str, tmp_path: Path) -> None:
    """The command that installs, with its build arguments, on a stand-in for the interpreter."""
    dockerfile = read("Dockerfile")
    assert {"TORCH", "TORCH_INDEX"} <= set(re.findall(r"^ARG (\w+)$", dockerfile, re.MULTILINE))
    command = re.search(r"^RUN --mount=\S+ \\\n(.*)$", dockerfile, re.MULTILINE)
    project = make_project(tmp_path)
    (project / LOCK).write_text("torch==2.10.0 \\\n    --hash=sha256:00\n")
    script(project / "bin/uname", '#!/bin/sh\necho "Linux x86_64"\n')
    environment = {"PATH": f"{project / 'bin'}:{os.environ['PATH']}", "TORCH": torch, "TORCH_INDEX": ""}
    subprocess.run(command[1], shell=True, cwd=project, env=environment, timeout=60, check=True)
    assert any("torch==2.10.0+cpu" in line for line in installations(project)) == (torch == "cpu")


def test_the_container_is_no_root_and_reports_its_health() -> None:
    dockerfile = read("Dockerfile")
    assert re.search(r"^USER [1-9]\d*$", dockerfile, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*\n.*/livez", dockerfile, re.MULTILINE)


@pytest.mark.parametrize(
    ("port", "asked"), [(None, "8000"), ("", "8000"), (" ", "8000"), ("5000", "5000"), (' "5000"\r', "5000")]
)
def test_the_container_s_health_check_reads_the_port_as_the_service_does(
    port: str | None, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = json.loads(re.search(r"^HEALTHCHECK .*\n +CMD (\[.*\])$", read("Dockerfile"), re.MULTILINE)[1])
    if port is None:
        monkeypatch.delenv("PORT", raising=False)
    else:
        monkeypatch.setenv("PORT", port)
    urls = []
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: urls.append(url))
    assert command[:2] == ["python", "-c"]
    exec(command[2])
    assert urls == [f"http://127.0.0.1:{asked}/livez"]
    assert str(Settings.from_environment().port) == asked


@pytest.mark.parametrize(("host", "given"), [(None, "0.0.0.0"), ("", "0.0.0.0"), ("10.0.0.1", "10.0.0.1")])
def test_the_container_listens_everywhere_unless_told_otherwise(host: str | None, given: str, tmp_path: Path) -> None:
    command = json.loads(re.search(r"^CMD (\[.*\])$", read("Dockerfile"), re.MULTILINE)[1])
    recorder = tmp_path / "python"
    recorder.write_text('#!/bin/sh\necho "$HOST $*"\n')
    recorder.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"} | ({} if host is None else {"HOST": host})
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
    assert result.stdout.split() == [given, "-m", "gunicorn", "wsgi:app"]


@pytest.mark.parametrize("arguments", [[], ["HOST=", "PORT=", "MODEL=", "PYTHON="]])
@pytest.mark.parametrize("inherited", [{}, {"HOST": "", "PORT": "", "MODEL": " ", "PYTHON": ""}])
def test_make_takes_an_empty_variable_for_one_that_is_not_set(
    arguments: list[str], inherited: dict[str, str], tmp_path: Path
) -> None:
    """With stand-ins for all that the targets run, which print what reaches them."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    recorder = '#!/bin/sh\necho "[$HOST$PORT$PYTHON] $*"\n'
    for name in ["scripts/setup.sh", ".venv/bin/python"]:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(recorder)
        (tmp_path / name).chmod(0o755)
    result = subprocess.run(
        ["make", "run", "download", *arguments],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]} | inherited,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "[] -m gunicorn wsgi:app" in result.stdout
    assert "[] -m musicgen_api.download facebook/musicgen-small" in result.stdout
