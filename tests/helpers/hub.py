"""A model hub on 127.0.0.1, small but enough for the real clients: `huggingface_hub` 2 and `transformers` 5.

It serves folders as repositories with one commit each, by the routes and headers that the clients rely on (as
read in huggingface_hub 2.4's `file_download.py`, `hf_api.py` and `utils/_http.py`). It can be slow, fail, or
break off, which is what it is for. A client is sent here by the variables of `Hub.environment`.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import pytest

SLICE_S = 0.02
"""A slow file is sent in pieces of so many seconds."""
FILE_URL = re.compile(r"/(?P<repository>.+?)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
INFO_URL = re.compile(r"/api/models/(?P<repository>.+?)(/revision/[^/]+)?")
TREE_URL = re.compile(r"/api/models/(?P<repository>.+?)/tree/[^/]+(/.*)?")


@dataclass(frozen=True)
class Repository:
    """A folder as a repository of models."""

    folder: Path

    @cached_property
    def commit(self) -> str:
        """The id of its only commit, 40 hexadecimal digits like Git's."""
        return hashlib.sha1(str(self.folder).encode()).hexdigest()

    @property
    def files(self) -> list[Path]:
        """Every file, relative to the folder."""
        return sorted(path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())

    def tree(self) -> list[dict[str, Any]]:
        """List the files as the hub's API does."""
        return [
            {"type": "file", "path": str(file), "size": size, "oid": _etag(self.folder / file)[:40]}
            for file in self.files
            for size in [(self.folder / file).stat().st_size]
        ]

    def info(self, name: str) -> dict[str, Any]:
        """Describe the repository as the hub's API does."""
        siblings = [{"rfilename": str(file)} for file in self.files]
        return {"id": name, "modelId": name, "sha": self.commit, "private": False, "siblings": siblings}


@dataclass
class Hub:
    """The hub: `with Hub({"facebook/musicgen-small": folder}) as hub`.

    All that follows the repositories may be changed while it runs.
    """

    repositories: dict[str, Path]
    """Folders by their id."""
    moved: dict[str, str] = field(default_factory=dict)
    """Old ids that redirect to new ones, as the hub does for `t5-base`."""
    bytes_per_second: float | None = None
    """The speed of each file; `None`: as fast as it goes."""
    delay_s: float = 0.0
    """How long every answer is waited for."""
    status: HTTPStatus | None = None
    """What every request is answered with instead: a hub that is down, say."""
    passing: list[HTTPStatus] = field(default_factory=list)
    """What the next requests are answered with, one each; the hub is well again after them."""
    failure_headers: dict[str, str] = field(default_factory=dict)
    """Go with both of these."""
    page: bytes | None = None
    """What every request is answered with, and 200: a network that asks for a login."""
    breaks_after: int | None = None
    """Bytes after which the connection of a file is closed without a word."""
    requests: list[str] = field(default_factory=list)
    """Every request so far, like `GET /t5-base/resolve/main/config.json`."""
    bytes_sent: int = 0
    """Bytes of files sent so far."""

    port: int = 0
    """Where it listens; chosen when it starts."""

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """Listen: on a free port first, on the same one again after `stop`."""
        self._stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = False
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(SLICE_S,), name="hub")
        self._thread.start()

    def stop(self) -> None:
        """Break off what is being sent, and refuse connections like a machine without a network."""
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The address, for `HF_ENDPOINT`."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self, home: Path) -> dict[str, str]:
        """Give the variables that send a client here, with its cache in `home`."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }

    def pieces(self, content: bytes) -> Iterator[bytes]:
        """Cut `content` into what is sent at once, at the hub's speed; end early where the hub breaks off."""
        allowed = content if self.breaks_after is None else content[: self.breaks_after]
        while allowed and not self._stopping.is_set():
            rate = self.bytes_per_second
            size = 1 << 20 if rate is None else max(1, int(rate * SLICE_S))
            yield allowed[:size]
            self.bytes_sent += len(allowed[:size])
            allowed = allowed[size:]
            if rate is not None:
                self.wait(SLICE_S)

    def wait(self, seconds: float) -> None:
        """Let time pass, unless the hub stops."""
        self._stopping.wait(seconds)


def _etag(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def send_this_process_to(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the hub's client in this process ask `hub`, and keep files in `cache`."""
    from huggingface_hub import constants  # here: it reads variables that conftest sets after it has imported this

    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    """Make the request handler. It speaks HTTP/1.0, one request a connection: no thread stays behind."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def do_GET(self) -> None:
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def _answer(self) -> None:
            hub.requests.append(f"{self.command} {self.path}")
            hub.wait(hub.delay_s)
            path = unquote(urlsplit(self.path).path)
            status = hub.passing.pop(0) if hub.passing else hub.status
            if status is not None:
                return self._send(b"", dict(hub.failure_headers), status)
            if hub.page is not None:
                return self._send(hub.page, {"Content-Type": "text/html"})
            if match := FILE_URL.fullmatch(path):
                return self._answer_file(match["repository"], match["file"])
            if match := TREE_URL.fullmatch(path) or INFO_URL.fullmatch(path):
                return self._answer_listing(match["repository"], tree=match.re is TREE_URL)
            return self._send(b"", status=HTTPStatus.NOT_FOUND)

        def _answer_file(self, name: str, file: str) -> None:
            if (repository := self._repository(name)) is None:
                return
            commit = {"X-Repo-Commit": repository.commit}
            path = repository.folder / file
            if Path(file) in repository.files:
                return self._send_file(path, commit | {"ETag": f'"{_etag(path)}"', "Accept-Ranges": "bytes"})
            commit |= {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"}
            return self._send(b"", commit, HTTPStatus.NOT_FOUND)

        def _answer_listing(self, name: str, *, tree: bool) -> None:
            if (repository := self._repository(name)) is not None:
                listing = repository.tree() if tree else repository.info(name)
                self._send(json.dumps(listing).encode(), {"Content-Type": "application/json"})

        def _repository(self, name: str) -> Repository | None:
            """Find the repository; where there is none, answer that it has moved or never was."""
            if name in hub.moved:
                location = self.path.replace(name, hub.moved[name], 1)
                self._send(b"", {"Location": location}, HTTPStatus.TEMPORARY_REDIRECT)
            elif name not in hub.repositories:
                missing = {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}
                self._send(b"", missing, HTTPStatus.NOT_FOUND)
            else:
                return Repository(hub.repositories[name])
            return None

        def _send_file(self, path: Path, headers: dict[str, str]) -> None:
            content = path.read_bytes()
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if wanted is None:
                return self._send(content, headers)
            first, last = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            return self._send(content[first : last + 1], headers, HTTPStatus.PARTIAL_CONTENT)

        def _send(
            self, content: bytes, headers: dict[str, str] | None = None, status: HTTPStatus = HTTPStatus.OK
        ) -> None:
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                with suppress(ConnectionError):
                    for piece in hub.pieces(content):
                        self.wfile.write(piece)

    return Handler
