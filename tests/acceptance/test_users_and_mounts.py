"""The service makes music as any user and on any mounts: as the image, Kubernetes and systemd run it, and worse.

The conditions are read from the files that people use: Dockerfile, compose.yaml, deploy/. docs/deployment.md has the
table of what is run here.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers import boxes
from tests.helpers.boxes import Box, BoxedServer
from tests.helpers.server import ROOT

UNKNOWN = 1_000_650_000
"""A uid as OpenShift chooses it."""

SHARED_MEMORY = {"/dev/shm": "mode=1777,size=64m"}
"""What Docker and Kubernetes give every container."""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(autouse=True)
def boxes_can_be_made() -> None:
    boxes.require()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose parents every user may enter, as the folders of an image."""
    return tmp_path_factory.mktemp("boxes")


def read(path: str) -> str:
    return (ROOT / path).read_text()


def app_at(folder: str) -> dict[str, Path]:
    """{place: source} of what `.dockerignore` lets into the image."""
    names = [line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")]
    return {f"{folder}/{name}": ROOT / name for name in names}


@cache
def image() -> tuple[dict[str, str], list[str], int]:
    """The Dockerfile's environment but for PATH, which a box has of its own; its command and its user."""
    text = read("Dockerfile").replace("\\\n", " ")
    lines = " ".join(re.findall(r"^ENV (.*)$", text, re.MULTILINE))
    environment = {name: value for name, value in re.findall(r"(\w+)=(\S+)", lines) if name != "PATH"}
    assert environment
    command = json.loads(re.search(r"^CMD (\[.*\])$", text, re.MULTILINE)[1])
    return environment, command, int(re.search(r"^USER (\d+)$", text, re.MULTILINE)[1])


@cache
def container() -> tuple[dict[str, Any], dict[str, Any]]:
    """The Kubernetes manifest's pod and its container."""
    pod = next(yaml.safe_load_all(read("deploy/kubernetes.yaml")))["spec"]["template"]["spec"]
    return pod, pod["containers"][0]


def unit() -> dict[str, str]:
    """The systemd unit's settings; `Environment` holds all of its lines."""
    lines = re.findall(r"^(\w+)=(.*)$", read("deploy/musicgen-api.service"), re.MULTILINE)
    environment = " ".join(value for name, value in lines if name == "Environment")
    return dict(lines) | {"Environment": environment}


def make_music(server: BoxedServer) -> None:
    server.wait_until_ready(timeout_s=300)  # a first start compiles, and may have one core for it
    body = {"model": "bundled/musicgen-tiny", "prompt": "slow sad piano", "duration": 1, "recipe": False}
    answer = server.post("/generate", body)
    assert answer.status_code == 200, answer.text
    assert answer.content[:4] == b"RIFF"
    assert len(answer.content) == 44 + 2 * 32_000
    assert "Traceback" not in server.log
    assert server.terminate() == 0


def test_the_image_as_compose_runs_it(scratch: Path) -> None:
    environment, command, uid = image()
    app = yaml.safe_load(read("compose.yaml"))["services"]["app"]
    assert (app["read_only"], app["tmpfs"], app["cap_drop"]) == (True, ["/tmp"], ["ALL"])
    assert app["volumes"] == ["weights:/cache"]
    home = re.search(r"useradd --uid \d+ --home-dir (\S+)", read("Dockerfile"))[1]
    volume = {home: f"uid={uid},gid={uid},mode=0755"}
    box = Box(
        uid=uid,
        gid=uid,
        home=home,
        folder="/app",
        mounts=app_at("/app"),
        writable=volume | {"/tmp": "mode=1777"} | SHARED_MEMORY,
    )
    settings = {name: str(value) for name, value in app["environment"].items()}
    with BoxedServer(box, command, environment | {"HOME": home} | settings, scratch / "compose") as server:
        make_music(server)
        assert "is used instead" not in server.log
        assert "may not be written" not in server.log


def test_the_image_as_kubernetes_runs_it(scratch: Path) -> None:
    environment, command, _ = image()
    pod, app = container()
    assert app["securityContext"]["readOnlyRootFilesystem"]
    uid, group = pod["securityContext"]["runAsUser"], pod["securityContext"]["fsGroup"]
    places = [mount["mountPath"] for mount in app["volumeMounts"]]
    assert places == ["/cache", "/tmp"]
    box = Box(
        uid=uid,
        gid=group,
        home="/cache",
        folder="/app",
        mounts=app_at("/app"),
        writable={place: f"gid={group},mode=2775" for place in places} | SHARED_MEMORY,  # fsGroup's doing
    )
    settings = {item["name"]: item["value"] for item in app["env"]}
    with BoxedServer(box, command, environment | {"HOME": "/cache"} | settings, scratch / "kubernetes") as server:
        make_music(server)
        assert "is used instead" not in server.log
        assert "may not be written" not in server.log


def test_the_image_as_a_user_without_a_name_who_may_write_to_shared_memory_only(scratch: Path) -> None:
    """`docker run --read-only --user`, OpenShift: the volume is somebody else's; few descriptors, one core."""
    environment, command, owner = image()
    box = Box(
        uid=UNKNOWN,
        gid=0,
        folder="/app",
        mounts=app_at("/app"),
        writable={"/cache": f"uid={owner},mode=0700"} | SHARED_MEMORY,
        descriptors=64,
        cores="0",
    )
    with BoxedServer(box, command, environment | {"HOME": "/"}, scratch / "nobody") as server:
        make_music(server)
        assert "Temporary files are in /dev/shm" in server.log
        private = f"/dev/shm/musicgen-api-{UNKNOWN}"
        assert re.search(rf"Not usable by uid {UNKNOWN}: .*NUMBA_CACHE_DIR.*; {private} is used instead", server.log)
        assert "HF_HOME=/cache/huggingface" in server.log


def test_the_systemd_unit(scratch: Path) -> None:
    settings = unit()
    assert (settings["ProtectSystem"], settings["PrivateTmp"], settings["StateDirectory"]) == (
        "strict",
        "yes",
        "musicgen",
    )
    folder, home = settings["WorkingDirectory"], "/nonexistent"
    box = Box(
        uid=998,
        gid=998,
        home=home,
        folder=folder,
        mounts=app_at(folder) | {f"{folder}/.venv": Path(sys.prefix).resolve()},
        writable={"/var/lib/musicgen": "uid=998,gid=998,mode=0755", "/tmp": "mode=1777", "/dev/shm": "mode=1777"},
    )
    given = {"HOME": home, "USER": "musicgen", "LOGNAME": "musicgen", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    given |= dict(item.split("=", 1) for item in settings["Environment"].split())
    with BoxedServer(box, settings["ExecStart"].split(), given, scratch / "systemd") as server:
        make_music(server)
        assert "Not usable by uid 998: HOME; /tmp/musicgen-api-998 is used instead" in server.log


def test_a_bare_process_whose_variables_are_all_empty(scratch: Path) -> None:
    """No name, no home, no shared memory; as a compose file passes variables that are not set."""
    folder = "/opt/musicgen-api"
    box = Box(uid=UNKNOWN, gid=UNKNOWN, folder=folder, mounts=app_at(folder), writable={"/tmp": "mode=1777"})
    names = re.findall(r"^\| `(\w+)` \|", read("docs/configuration.md"), re.MULTILINE)
    libraries = ["HF_HOME", "HF_ENDPOINT", "AUDIOCRAFT_CACHE_DIR", "NUMBA_CACHE_DIR", "TMPDIR", "HOME", "USER"]
    empty = dict.fromkeys([*names, *libraries], "") | {"PORT": '"0"\r'}
    with BoxedServer(box, ["python", "-m", "gunicorn", "wsgi:app"], empty, scratch / "bare") as server:
        make_music(server)


@pytest.mark.parametrize("command", [["gunicorn", "wsgi:app"], ["musicgen_api.download", "facebook/musicgen-small"]])
def test_where_nothing_can_be_written_the_start_ends_with_a_sentence(command: list[str], scratch: Path) -> None:
    box = Box(uid=UNKNOWN, gid=UNKNOWN, folder="/app", mounts=app_at("/app"))
    result = run(box, ["python", "-m", *command], {}, scratch / command[0])
    assert result.returncode == 1
    assert "no folder for temporary files" in result.stderr
    assert "TMPDIR" in result.stderr
    assert "Traceback" not in result.stderr


def run(
    box: Box, command: list[str], environment: Mapping[str, str], scratch: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        box.command(command, scratch),
        env={"PATH": boxes.search_path(), "PORT": "0"} | dict(environment),
        capture_output=True,
        text=True,
        timeout=120,
    )
