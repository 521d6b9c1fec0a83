"""Model files from a hub on 127.0.0.1, by the real client, in this process; and the command that fetches them."""

from __future__ import annotations

import errno
import shutil
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from musicgen_api import download
from musicgen_api.errors import Cancelled, ModelError, ModelNotFound, ModelOffline
from musicgen_api.synthesis import hub as model_hub
from musicgen_api.synthesis.hub import Downloads, checkpoint_file
from musicgen_api.synthesis.loading import load_musicgen
from tests.conftest import Checkpoints
from tests.fakes import RecordingMonitor
from tests.hub import Hub
from tests.server import wait_until

REPO = "someone/music"
WEIGHTS = bytes(range(256)) * 2000


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one repository, to which this process's client is sent, with an empty cache."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "state_dict.bin").write_bytes(WEIGHTS)
    (folder / "config.json").write_bytes(b"{}")
    with Hub({REPO: folder}) as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.delenv("AUDIOCRAFT_CACHE_DIR", raising=False)
        yield hub


def fetch(monitor: RecordingMonitor | None = None, name: str = "state_dict.bin", repo: str = REPO) -> Path:
    return Downloads("the/model", monitor or RecordingMonitor()).file(repo, name)


def assert_shows_nothing_of_the_server(error: ModelError, hub: Hub, tmp_path: Path) -> None:
    assert error.message.endswith(".")
    for secret in [str(tmp_path), "127.0.0.1", "http", "localhost"]:
        assert secret not in error.message


def test_a_download_tells_its_bytes_up_to_the_last(hub: Hub) -> None:
    monitor = RecordingMonitor()
    assert fetch(monitor).read_bytes() == WEIGHTS
    models, done, totals = zip(*monitor.downloads, strict=True)
    assert set(models) == {"the/model"}
    assert list(done) == sorted(done)
    assert len(set(done)) > 3
    assert done[-1] == totals[-1] == len(WEIGHTS)


def test_the_bytes_of_all_files_of_a_model_add_up(hub: Hub) -> None:
    monitor = RecordingMonitor()
    folder = Downloads("the/model", monitor).files(REPO, ["config.json", "state_dict.bin"], ["tokenizer.json"])
    assert {file.name for file in folder.iterdir()} == {"config.json", "state_dict.bin"}
    assert monitor.downloads[-1][1:] == (len(WEIGHTS) + 2, len(WEIGHTS) + 2)


def test_a_cached_file_needs_neither_the_hub_nor_a_word(hub: Hub) -> None:
    path = fetch()
    hub.requests.clear()
    monitor = RecordingMonitor()
    assert fetch(monitor) == path
    assert not hub.requests
    assert not monitor.downloads


def test_a_cached_file_is_found_with_the_hub_switched_off(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fetch()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch() == path


def test_with_the_hub_switched_off_a_file_that_is_not_cached_is_offline(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelOffline, match=f"state_dict.bin of {REPO} is not downloaded yet") as caught:
        fetch()
    assert not hub.requests
    assert_shows_nothing_of_the_server(caught.value, hub, tmp_path)


@pytest.mark.parametrize(("repo", "name"), [(REPO, "nothing.bin"), ("someone/else", "state_dict.bin")])
def test_what_the_hub_does_not_have_is_named(hub: Hub, tmp_path: Path, repo: str, name: str) -> None:
    for _ in range(2):  # the second time the client has noted it
        with pytest.raises(ModelNotFound, match=f"The hub does not have {name} of {repo}") as caught:
            fetch(name=name, repo=repo)
        assert_shows_nothing_of_the_server(caught.value, hub, tmp_path)


def test_a_required_file_that_is_missing_is_an_error(hub: Hub) -> None:
    with pytest.raises(ModelNotFound, match=r"does not have spiece\.model"):
        Downloads("the/model", RecordingMonitor()).files(REPO, ["config.json", "spiece.model"])


def test_a_hub_that_refuses_is_an_error(hub: Hub, tmp_path: Path) -> None:
    hub.status = HTTPStatus.FORBIDDEN
    with pytest.raises(ModelError) as caught:
        fetch()
    assert_shows_nothing_of_the_server(caught.value, hub, tmp_path)


def test_a_download_that_breaks_off_says_so_and_may_be_tried_again(hub: Hub, tmp_path: Path) -> None:
    hub.breaks_after = 1000
    with pytest.raises(ModelOffline, match="broke off") as caught:
        fetch()
    assert_shows_nothing_of_the_server(caught.value, hub, tmp_path)
    hub.breaks_after = None
    assert fetch().read_bytes() == WEIGHTS


class Leaver(RecordingMonitor):
    """Wants to stop as soon as bytes have come."""

    def check(self) -> None:
        """Stop in the midst of the download."""
        if self.downloads and self.downloads[-1][1] > 0:
            raise Cancelled("The client closed the connection.")


def test_a_download_stops_within_a_second_and_leaves_the_hub_alone(hub: Hub) -> None:
    hub.bytes_per_second = 200_000  # 2.5 seconds
    monitor = Leaver()
    begin = time.monotonic()
    with pytest.raises(Cancelled, match="The client closed the connection"):
        fetch(monitor)
    assert time.monotonic() - begin < 1.5  # the first of its chunks takes a third of a second
    wait_until(lambda: not any(thread.name == "download" for thread in threading.enumerate()), 5)
    assert hub.bytes_sent < len(WEIGHTS)
    hub.bytes_per_second = None
    assert fetch().read_bytes() == WEIGHTS


def test_a_download_stops_before_it_begins(hub: Hub) -> None:
    with pytest.raises(Cancelled):
        fetch(RecordingMonitor(stop_at=1))
    assert not hub.requests


def test_a_full_disk_says_so(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path))

    monkeypatch.setattr(model_hub, "hf_hub_download", fill)
    with pytest.raises(ModelError, match="The disk is full") as caught:
        fetch()
    assert_shows_nothing_of_the_server(caught.value, hub, tmp_path)


def test_a_checkpoint_is_kept_where_audiocraft_s_own_variable_says(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIOCRAFT_CACHE_DIR", str(tmp_path / "audiocraft"))
    path = checkpoint_file(REPO, "state_dict.bin", Downloads("the/model", RecordingMonitor()))
    assert path.is_relative_to(tmp_path / "audiocraft")


@pytest.fixture
def tiny(hub: Hub, checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The hub with a tiny model, whose text encoder is a repository of its own, as the operator's `test/tiny`."""
    hub.repositories = {REPO: checkpoints.mono, "t5": checkpoints.mono / "t5"}
    monkeypatch.setenv("MUSICGEN_MODELS", f"test/tiny={REPO}")
    monkeypatch.setenv("MUSICGEN_MBD", REPO)
    return hub


def test_a_model_of_the_hub_loads_and_makes_music(tiny: Hub) -> None:
    monitor = RecordingMonitor()
    model = load_musicgen("test/tiny", REPO, torch.device("cpu"), monitor)
    assert monitor.downloads[-1][1] == monitor.downloads[-1][2] == tiny.bytes_sent
    model.set_generation_params(duration=1, top_k=50)
    assert model.generate(["slow sad piano"]).shape == (1, 1, 32_000)


def test_the_command_fetches_a_model_once_and_shows_how_far_it_is(
    tiny: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert download.main(["test/tiny"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "test/tiny is here.\n"
    assert "test/tiny: 100%" in shown.err
    sent = tiny.bytes_sent
    assert sent > 100_000
    assert download.main(["test/tiny"]) == 0
    assert tiny.bytes_sent == sent


def test_the_command_fetches_the_diffusion_too_when_told_so(
    tiny: Hub, checkpoints: Checkpoints, tmp_path: Path
) -> None:
    tiny.repositories = tiny.repositories | {REPO: shutil.copytree(checkpoints.mono, tmp_path / "both")}
    (tmp_path / "both" / "mbd_musicgen_32khz.th").write_bytes(b"weights")
    assert download.main(["test/tiny", "--mbd"]) == 0
    assert any("mbd_musicgen_32khz.th" in request for request in tiny.requests)


def test_the_command_says_in_a_line_what_is_wrong(
    tiny: Hub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert download.main(["no/such"]) == 1
    assert "test/tiny" in capsys.readouterr().err
    tiny.repositories = {}
    assert download.main(["test/tiny"]) == 1
    assert "The hub does not have" in capsys.readouterr().err
    monkeypatch.setenv("PORT", "eighty")
    assert download.main(["test/tiny"]) == 1
    assert "PORT cannot be used" in capsys.readouterr().err
