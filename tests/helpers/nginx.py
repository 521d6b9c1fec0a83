"""A real nginx with `deploy/nginx.conf`, of which only the two ports are rewritten, in front of a service."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.helpers import programs
from tests.helpers.server import ROOT, Server, wait_until

MAIN = """\
daemon off;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{}}
http {{
    {access_log}
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@dataclass
class Proxy:
    """The service and nginx in front of it."""

    server: Server
    port: int

    @property
    def url(self) -> str:
        """The address without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def music(self, **body: object) -> requests.Response:
        """POST /api/music by way of nginx."""
        response = requests.post(
            f"{self.url}/api/music", json={"description": "slow sad piano"} | body, stream=True, timeout=120
        )
        assert response.status_code == 200, response.text
        return response


def free_port() -> int:
    """Give a port that nobody listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return listener.getsockname()[1]


def accepts(port: int) -> bool:
    """Tell whether somebody listens."""
    with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def adapt(site: str, upstream_ports: Sequence[int], port: int) -> str:
    """Rewrite the ports, each in the one place where it must stand: a line for each instance."""
    servers = "\n".join(rf"    server 127.0.0.1:{upstream}\1;" for upstream in upstream_ports)
    site, upstreams = re.subn(r" *server [\w.]+:\d+( [\w=]+)?;", servers, site)
    site, listeners = re.subn(r"listen \d+;", f"listen 127.0.0.1:{port};", site)
    assert (upstreams, listeners) == (1, 1), site
    return site


@contextmanager
def serving(folder: Path, site: str, port: int) -> Iterator[None]:
    """Run nginx with this site, which listens on `port`; skips or fails the test where there is none."""
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(
        MAIN.format(folder=folder, access_log="" if "access_log " in site else "access_log off;")
    )
    command = [programs.nginx(), "-c", folder / "nginx.conf", "-p", folder]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: process.poll() is not None or accepts(port), why="nginx")
        assert process.poll() is None, process.stderr.read()
        yield
    finally:
        process.terminate()
        process.communicate(timeout=10)


@contextmanager
def in_front_of(server: Server, folder: Path, *others: Server) -> Iterator[Proxy]:
    """Run nginx with `deploy/nginx.conf` in front of one or several instances."""
    port = free_port()
    ports = [instance.port for instance in (server, *others)]
    site = adapt((ROOT / "deploy" / "nginx.conf").read_text(), ports, port)
    with serving(folder, site, port):
        yield Proxy(server, port)
