"""The tests' model hub satisfies the real clients, each in a process of its own with an empty cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.helpers.hub import Hub

WEIGHTS = bytes(range(256)) * 1000


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    folder = tmp_path / "repository"
    (folder / "inner").mkdir(parents=True)
    (folder / "state_dict.bin").write_bytes(WEIGHTS)
    (folder / "inner" / "config.json").write_text("{}")
    with Hub({"facebook/musicgen-small": folder}, moved={"old-name": "facebook/musicgen-small"}) as hub:
        yield hub


def run_client(hub: Hub, home: Path, program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `program` after `from huggingface_hub import *` with the hub's variables."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            f"from huggingface_hub import *\nfrom huggingface_hub import constants\n{program}",
        ],
        env=os.environ | hub.environment(home) | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


DOWNLOAD = "print(hf_hub_download('facebook/musicgen-small', 'state_dict.bin'))"


def test_a_file_is_downloaded_once_and_then_found_offline(hub: Hub, tmp_path: Path) -> None:
    first = run_client(hub, tmp_path / "home", DOWNLOAD)
    assert first.returncode == 0, first.stderr
    assert Path(first.stdout.strip()).read_bytes() == WEIGHTS
    sent = hub.bytes_sent
    assert run_client(hub, tmp_path / "home", DOWNLOAD).stdout == first.stdout
    assert hub.bytes_sent == sent
    asked = len(hub.requests)
    assert run_client(hub, tmp_path / "home", DOWNLOAD, HF_HUB_OFFLINE="1").stdout == first.stdout
    assert len(hub.requests) == asked


def test_a_snapshot_holds_every_file_also_under_an_old_name(hub: Hub, tmp_path: Path) -> None:
    done = run_client(hub, tmp_path / "home", "print(snapshot_download('old-name'))")
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert (folder / "state_dict.bin").read_bytes() == WEIGHTS
    assert json.loads((folder / "inner" / "config.json").read_text()) == {}


def test_the_api_lists_the_files_with_their_sizes(hub: Hub, tmp_path: Path) -> None:
    program = (
        "for f in HfApi().list_repo_tree('facebook/musicgen-small', recursive=True): print(f.path, f.size)\n"
        "print(HfApi().model_info('facebook/musicgen-small').sha)"
    )
    done = run_client(hub, tmp_path / "home", program)
    assert done.returncode == 0, done.stderr
    *files, commit = done.stdout.splitlines()
    assert files == ["inner/config.json 2", f"state_dict.bin {len(WEIGHTS)}"]
    assert len(commit) == 40


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("hf_hub_download('facebook/musicgen-small', 'nothing.bin')", "RemoteEntryNotFoundError"),
        ("hf_hub_download('facebook/nobody', 'state_dict.bin')", "RepositoryNotFoundError"),
    ],
)
def test_what_is_not_there_is_the_client_s_own_error(hub: Hub, tmp_path: Path, program: str, error: str) -> None:
    done = run_client(hub, tmp_path / "home", program)
    assert done.returncode == 1
    assert error in done.stderr


def test_a_hub_that_is_down_is_a_client_s_error_without_a_cache(hub: Hub, tmp_path: Path) -> None:
    hub.status = HTTPStatus.FORBIDDEN
    done = run_client(hub, tmp_path / "home", DOWNLOAD)
    assert done.returncode == 1
    assert "LocalEntryNotFoundError" in done.stderr


def test_a_broken_download_is_resumed_where_it_broke_off(hub: Hub, tmp_path: Path) -> None:
    hub.breaks_after = 100_000
    # The client keeps only whole chunks, of 10 MB by default, and tries again only if it has got one.
    done = run_client(hub, tmp_path / "home", f"constants.DOWNLOAD_CHUNK_SIZE = 10_000\n{DOWNLOAD}")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).read_bytes() == WEIGHTS
    assert sum(request.startswith("GET") and "state_dict" in request for request in hub.requests) == 3
    assert hub.bytes_sent == len(WEIGHTS)


def test_a_slow_hub_takes_its_time(hub: Hub, tmp_path: Path) -> None:
    hub.bytes_per_second = len(WEIGHTS)
    program = f"import time\nbegin = time.monotonic()\n{DOWNLOAD}\nprint(time.monotonic() - begin)"
    done = run_client(hub, tmp_path / "home", program)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[-1]) > 0.9


def test_transformers_loads_a_text_encoder_by_its_old_name(tmp_path: Path) -> None:
    from tests.helpers.checkpoints import build_text_encoder

    folder = build_text_encoder(tmp_path / "t5-base", 64)
    program = (
        "from transformers import T5EncoderModel, T5Tokenizer\n"
        "print(len(T5Tokenizer.from_pretrained('t5-base')('sad piano').input_ids))\n"
        "print(T5EncoderModel.from_pretrained('t5-base').config.d_model)"
    )
    with Hub({"google-t5/t5-base": folder}, moved={"t5-base": "google-t5/t5-base"}) as hub:
        done = run_client(hub, tmp_path / "home", program)
    assert done.returncode == 0, done.stderr
    tokens, width = map(int, done.stdout.split())
    assert (tokens > 3, width) == (True, 64)
