"""Model files from a hub on 127.0.0.1, by the real client, in this process; and the command that fetches them."""

from __future__ import annotations

import errno
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import close_session, constants

from musicgen_api import download
from musicgen_api.domain.errors import (
    Cancelled,
    HubBusy,
    ModelDamaged,
    ModelError,
    ModelNotFound,
    ModelOffline,
    MusicGenError,
)
from musicgen_api.models import hub as model_hub
from musicgen_api.models.hub import Downloads, checkpoint_file, text_encoder_folder
from musicgen_api.models.loading import load_musicgen
from tests.conftest import Checkpoints
from tests.helpers.checkpoints import build_transformers_musicgen
from tests.helpers.fakes import RecordingMonitor
from tests.helpers.hub import Hub, send_this_process_to
from tests.helpers.pieces import audio_of
from tests.helpers.privileges import open_folder, without_privileges
from tests.helpers.programs import openssl
from tests.helpers.server import wait_until
from tests.helpers.socks import SocksProxy

REPO = "someone/music"
PROXIES = [
    variant for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY") for variant in (name, name.lower())
]
WEIGHTS = bytes(range(256)) * 2000


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one repository, to which this process's client is sent, with an empty cache."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "state_dict.bin").write_bytes(WEIGHTS)
    (folder / "config.json").write_bytes(b"{}")
    with Hub({REPO: folder}) as hub:
        send_this_process_to(hub, tmp_path / "cache", monkeypatch)
        for name in ("AUDIOCRAFT_CACHE_DIR", "HF_TOKEN", *PROXIES):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        close_session()  # the client reads the proxies when it is made
        yield hub
        close_session()


def fetch(monitor: RecordingMonitor | None = None, name: str = "state_dict.bin", repo: str = REPO) -> Path:
    return Downloads("the/model", monitor or RecordingMonitor()).file(repo, name)


def assert_shows_nothing_of_the_server(error: MusicGenError, hub: Hub, tmp_path: Path) -> None:
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
    downloads = Downloads("the/model", monitor)
    folder = downloads.file(REPO, "config.json").parent
    assert downloads.first_of(REPO, ["model.safetensors", "state_dict.bin"]) == folder / "state_dict.bin"
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


def test_where_none_of_several_files_is_there_the_last_is_named(hub: Hub) -> None:
    with pytest.raises(ModelNotFound, match=r"does not have spiece\.model"):
        Downloads("the/model", RecordingMonitor()).first_of(REPO, ["tokenizer.json", "spiece.model"])


WAIT = {"Retry-After": "120"}
BAD_TOKEN = {"X-Error-Message": "Invalid credentials in Authorization header"}
GATED = {"X-Error-Code": "GatedRepo"}

REFUSALS: dict[str, tuple[HTTPStatus, dict[str, str], str | None, type[MusicGenError], str]] = {
    "an expired token": (HTTPStatus.UNAUTHORIZED, BAD_TOKEN, "hf_old", ModelError, "not accept the token in HF_TOKEN"),
    "a private model": (HTTPStatus.UNAUTHORIZED, {}, None, ModelNotFound, r"only to a token \(HF_TOKEN\)"),
    "a gated model": (HTTPStatus.FORBIDDEN, GATED, "hf_ok", ModelNotFound, "accepted its licence.* HF_TOKEN"),
    "a gated model, no token": (HTTPStatus.UNAUTHORIZED, GATED, None, ModelNotFound, "accepted its licence.* HF_TOKEN"),
    "a token without the right": (HTTPStatus.FORBIDDEN, {}, "hf_ok", ModelError, "token in HF_TOKEN has no right"),
    "no token": (HTTPStatus.FORBIDDEN, {}, None, ModelError, "HF_TOKEN is not set"),
    "no such page": (HTTPStatus.NOT_FOUND, {}, None, ModelNotFound, "does not have"),
    "too many requests": (HTTPStatus.TOO_MANY_REQUESTS, WAIT, None, HubBusy, "limits how often.* in 120 s"),
    "no word for how long": (HTTPStatus.TOO_MANY_REQUESTS, {}, None, HubBusy, "limits how often.* in 60 s"),
    "the hub's own limit": (
        HTTPStatus.TOO_MANY_REQUESTS,
        {"RateLimit": '"resolvers";r=0;t=55'},
        None,
        HubBusy,
        "limits how often.* in 55 s",
    ),
    "until a date": (
        HTTPStatus.SERVICE_UNAVAILABLE,
        {"Retry-After": "Fri, 31 Dec 2199 23:59:59 GMT"},
        None,
        HubBusy,
        "is not available",
    ),
    "away for a while": (HTTPStatus.SERVICE_UNAVAILABLE, WAIT, None, HubBusy, "is not available.* in 120 s"),
    "a defect": (HTTPStatus.INTERNAL_SERVER_ERROR, {}, None, ModelError, r"error of its own \(500\)"),
    "a bad gateway": (HTTPStatus.BAD_GATEWAY, {}, None, ModelError, r"error of its own \(502\)"),
    "a teapot": (HTTPStatus.IM_A_TEAPOT, {}, None, ModelError, "answered 418"),
}


@pytest.mark.parametrize(("status", "headers", "token", "kind", "says"), REFUSALS.values(), ids=REFUSALS)
def test_the_hub_s_refusals_are_told_apart(
    hub: Hub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: HTTPStatus,
    headers: dict[str, str],
    token: str | None,
    kind: type[MusicGenError],
    says: str,
) -> None:
    hub.status, hub.failure_headers = status, headers
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    begin = time.monotonic()
    with pytest.raises(MusicGenError, match=says) as caught:
        fetch()
    assert type(caught.value) is kind
    assert time.monotonic() - begin < 15  # 2 s; the client by itself: 23, or three times what it is told to wait
    assert len(hub.requests) <= 3
    assert_shows_nothing_of_the_server(caught.value, hub, tmp_path)
    assert "hf_" not in caught.value.message


def test_a_hub_that_names_a_time_is_left_alone_and_the_time_is_passed_on(hub: Hub) -> None:
    hub.status, hub.failure_headers = HTTPStatus.TOO_MANY_REQUESTS, WAIT
    with pytest.raises(HubBusy) as caught:
        fetch()
    assert caught.value.retry_after_s == 120
    assert len(hub.requests) == 1


@pytest.mark.parametrize("status", [HTTPStatus.BAD_GATEWAY, HTTPStatus.TOO_MANY_REQUESTS])
@pytest.mark.parametrize("times", [1, 2])
def test_a_failure_that_passes_is_not_noticed(hub: Hub, status: HTTPStatus, times: int) -> None:
    hub.passing = [status] * times
    assert fetch().read_bytes() == WEIGHTS


def test_a_page_in_place_of_the_hub_is_named(hub: Hub, tmp_path: Path) -> None:
    hub.page = b"<html>Please accept the terms of this hotel.</html>"
    with pytest.raises(ModelOffline, match=r"HF_ENDPOINT must be the address of a hub, and the network may") as caught:
        fetch()
    assert_shows_nothing_of_the_server(caught.value, hub, tmp_path)


def test_no_network_is_known_at_once(hub: Hub, tmp_path: Path) -> None:
    hub.stop()
    begin = time.monotonic()
    with pytest.raises(ModelOffline, match="is not downloaded yet, and the hub cannot be asked") as caught:
        fetch()
    assert time.monotonic() - begin < 5
    assert_shows_nothing_of_the_server(caught.value, hub, tmp_path)
    hub.start()


def test_a_silent_network_is_known_within_five_seconds_and_once_a_model(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()
    look_up = socket.getaddrinfo

    def look_up_in_vain(*arguments: Any, **options: Any) -> Any:
        answer.wait(60)
        return look_up(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_in_vain)
    downloads = Downloads("the/model", RecordingMonitor())
    begin = time.monotonic()
    for name in ["state_dict.bin", "compression_state_dict.bin"]:
        with pytest.raises(ModelOffline, match="cannot be reached"):
            downloads.file(REPO, name)
    assert time.monotonic() - begin < 9  # 5 s, and a busy machine
    answer.set()


def test_packets_that_get_lost_are_known_within_five_seconds(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first, socket.socket() as second:
        for waiting in (first, second):  # the queue of connections is full now, and the next one's packets are dropped
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        template = f"http://127.0.0.1:{full.getsockname()[1]}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        begin = time.monotonic()
        with pytest.raises(ModelOffline, match="cannot be reached"):
            fetch()
        assert time.monotonic() - begin < 9


def test_a_certificate_that_is_not_trusted_is_named(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make_certificate(key, certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    hub._server.socket = context.wrap_socket(hub._server.socket, server_side=True)
    template = hub.url.replace("http", "https") + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(hub._server, "handle_error", lambda *arguments: None)
    with pytest.raises(ModelOffline, match=r"its certificate is not trusted; .* SSL_CERT_FILE must name a file"):
        fetch()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    close_session()
    assert fetch().read_bytes() == WEIGHTS
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing"))
    close_session()
    with pytest.raises(ModelOffline, match="SSL_CERT_FILE or SSL_CERT_DIR names certificates that cannot be read"):
        fetch(name="config.json")


@pytest.mark.parametrize("password", [None, "secret"])
def test_a_socks_proxy_works(hub: Hub, monkeypatch: pytest.MonkeyPatch, password: str | None) -> None:
    with SocksProxy(password) as proxy:
        address = proxy.url if password is None else proxy.url.replace("//", f"//user:{password}@")
        monkeypatch.setenv("ALL_PROXY", address)
        assert fetch().read_bytes() == WEIGHTS
        assert set(proxy.connections) == {("127.0.0.1", hub.port)}
        close_session()


def test_a_socks_proxy_that_refuses_is_named(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SocksProxy("secret") as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url.replace("//", "//user:guess@"))
        with pytest.raises(ModelOffline, match="proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names") as caught:
            fetch()
        close_session()
    assert_shows_nothing_of_the_server(caught.value, hub, tmp_path)
    assert "guess" not in caught.value.message


def test_what_is_no_socks_proxy_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with server.accept()[0] as connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(ModelOffline, match="proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names"):
            fetch()
        thread.join()


@pytest.mark.parametrize(
    ("variable", "address", "says"),
    [
        ("ALL_PROXY", "socks://user:pass@127.0.0.1:9", "ALL_PROXY cannot be used: .* and not with socks://"),
        ("all_proxy", "socks4://127.0.0.1:9", "ALL_PROXY cannot be used: .* and not with socks4://"),
        ("HTTP_PROXY", "http://127.0.0.1:port", "HTTP_PROXY cannot be used: it must be an address such as"),
        ("HTTPS_PROXY", "http://", "HTTPS_PROXY cannot be used: it must be an address such as"),
        ("HTTP_PROXY", "127.0.0.1:1", "the hub cannot be asked: it cannot be reached .HTTP_PROXY is set"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_in_one_sentence(
    tiny: Hub,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    address: str,
    says: str,
) -> None:
    monkeypatch.setenv(variable, address)
    assert download.main(["test/tiny"]) == 1
    *_, last = capsys.readouterr().err.strip().splitlines()
    assert re.search(says, last)
    assert last.startswith("test/tiny could not be loaded: state_dict.bin of someone/music is not downloaded yet")
    assert "pass" not in last
    assert not tiny.requests


def test_a_proxy_that_cannot_be_used_matters_to_nobody_who_asks_no_hub(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fetch()
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:9")
    close_session()
    assert fetch() == path
    monkeypatch.setenv("NO_PROXY", "*")
    assert fetch(name="config.json").read_bytes() == b"{}"


def test_an_endpoint_that_is_no_address_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    template = "huggingface.example/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    with pytest.raises(ModelOffline, match="HF_ENDPOINT is not an address"):
        fetch()


def test_a_token_that_cannot_be_one_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_ключ")
    with pytest.raises(ModelError, match="HF_TOKEN holds a character that no token has"):
        fetch()


@pytest.mark.parametrize("setting", ["HF_HOME", "AUDIOCRAFT_CACHE_DIR"])
def test_a_cache_that_may_not_be_written_says_so_and_which_setting_names_it(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    with open_folder() as folder:
        folder.chmod(0o555)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
        cache_dir = str(folder) if setting == "AUDIOCRAFT_CACHE_DIR" else None
        if cache_dir is not None:
            monkeypatch.setenv(setting, cache_dir)
        with without_privileges(), pytest.raises(ModelError, match=f"may not be written .* {setting} names") as caught:
            Downloads("the/model", RecordingMonitor()).file(REPO, "state_dict.bin", cache_dir)
        assert_shows_nothing_of_the_server(caught.value, hub, folder)
        folder.chmod(0o755)


def test_a_cache_whose_place_is_a_file_says_so(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file" / "hub"))
    with pytest.raises(ModelError, match=r"is not a folder.* HF_HOME names"):
        fetch()


def test_a_download_that_breaks_off_says_so_and_may_be_tried_again(hub: Hub, tmp_path: Path) -> None:
    hub.breaks_after = 1000
    with pytest.raises(ModelOffline, match="broke off") as caught:
        fetch()
    assert_shows_nothing_of_the_server(caught.value, hub, tmp_path)
    hub.breaks_after = None
    assert fetch().read_bytes() == WEIGHTS


def make_certificate(key: Path, certificate: Path) -> None:
    """Make a certificate for 127.0.0.1 that nobody has signed."""
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run(
        [openssl(), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, *subject],
        check=True,
        capture_output=True,
    )


class Leaver(RecordingMonitor):
    """Stops as soon as bytes have come."""

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
    assert audio_of(model, 1).shape == (1, 1, 32_000)


def test_a_repository_of_another_kind_of_model_is_told_what_it_is(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "repository" / "state_dict.bin").unlink()
    (tmp_path / "repository" / "config.json").write_text('{"model_type": "musicgen_style"}')
    with pytest.raises(ModelNotFound, match=r"does not have state_dict\.bin of .*; this is a model in transformers'"):
        load_musicgen("test/tiny", REPO, torch.device("cpu"), RecordingMonitor())


def test_a_model_of_the_hub_may_not_point_into_this_machine(hub: Hub, checkpoints: Checkpoints, tmp_path: Path) -> None:
    shutil.copytree(checkpoints.mono, tmp_path / "repository", dirs_exist_ok=True)
    torch.save({"pretrained": str(checkpoints.mono)}, tmp_path / "repository" / "compression_state_dict.bin")
    with pytest.raises(ModelNotFound, match=r"folder of config\.json does not exist"):
        load_musicgen("test/tiny", REPO, torch.device("cpu"), RecordingMonitor())


def test_a_tokenizer_that_is_not_here_yet_is_offline_not_damage(tiny: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads = Downloads("test/tiny", RecordingMonitor())
    for name in ["config.json", "model.safetensors"]:
        downloads.file("t5", name)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelOffline, match=r"tokenizer\.json of t5 is not downloaded yet, and HF_HUB_OFFLINE"):
        text_encoder_folder("t5", downloads)


def test_a_text_encoder_that_other_programs_have_downloaded_is_enough(
    tiny: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads = Downloads("test/tiny", RecordingMonitor())
    folder = downloads.file("t5", "config.json").parent
    for name in ["model.safetensors", "spiece.model"]:
        downloads.file("t5", name)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert text_encoder_folder("t5", downloads) == folder


def test_a_pointer_on_the_hub_is_named_in_the_file_and_the_cache(tiny: Hub, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny.repositories[REPO], tmp_path / "pointers")
    (folder / "t5" / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    tiny.repositories = {REPO: folder, "t5": folder / "t5"}
    with pytest.raises(ModelDamaged, match=r"in t5, model\.safetensors is a Git LFS pointer"):
        load_musicgen("test/tiny", REPO, torch.device("cpu"), RecordingMonitor())


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


@pytest.mark.parametrize("shard_size", ["5GB", "40KB"])
def test_a_model_in_transformers_format_comes_whole_and_nothing_else_of_its_repository_does(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard_size: str
) -> None:
    folder = build_transformers_musicgen(tmp_path / "tune", max_shard_size=shard_size)
    sharded = (folder / "model.safetensors.index.json").exists()
    assert sharded == (shard_size == "40KB")
    (tmp_path / "repository" / "state_dict.bin").unlink()
    shutil.copytree(folder, tmp_path / "repository", dirs_exist_ok=True)
    expected = audio_of(load_musicgen("the/model", str(folder), torch.device("cpu"), RecordingMonitor()), 1)
    for offline in (False, True):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
        model = load_musicgen("the/model", REPO, torch.device("cpu"), RecordingMonitor())
        assert torch.equal(audio_of(model, 1), expected)
    asked = {request.rsplit("/", 1)[-1] for request in hub.requests}
    assert "generation_config.json" not in asked


def test_a_repository_without_weights_is_told_so(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "repository" / "state_dict.bin").unlink()
    (tmp_path / "repository" / "config.json").write_text('{"model_type": "musicgen"}')
    with pytest.raises(ModelNotFound, match=f"The hub does not have model.safetensors of {REPO}"):
        load_musicgen("the/model", REPO, torch.device("cpu"), RecordingMonitor())
