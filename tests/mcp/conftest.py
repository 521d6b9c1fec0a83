"""The MCP server in a process of its own, over both transports, and the SDK's own client."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.helpers.fakes import ROOT
from tests.helpers.scripted import ScriptedService
from tests.helpers.server import wait_until

START_S = 60.0
COMMAND = ["-m", "musicgen_api.mcp"]

Connect = Callable[[], AbstractAsyncContextManager[Client]]


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedService]:
    """Run the real routes over a scripted synthesizer."""
    with ScriptedService() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder that the MCP server over HTTP has for files."""
    return tmp_path_factory.mktemp("folder")


@asynccontextmanager
async def over_stdio(url: str) -> AsyncIterator[Client]:
    """A client whose server is a process on its standard input and output."""
    parameters = StdioServerParameters(
        command=sys.executable, args=COMMAND, cwd=ROOT, env={"MUSICGEN_SERVER": url, "PYTHONPATH": str(ROOT)}
    )
    async with Client(stdio_client(parameters)) as client:
        yield client


@pytest.fixture(scope="module")
def http_url(scripted: ScriptedService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the MCP server over streamable HTTP; its address."""
    log = tmp_path_factory.mktemp("mcp") / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *COMMAND, "--http", "--port", "0", "--server", scripted.url],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=file,
        )
    try:
        wait_until(lambda: "running on http" in log.read_text(), START_S, why="the MCP server's start")
        yield re.search(r"http://127\.0\.0\.1:\d+", log.read_text())[0] + "/mcp"
    finally:
        process.terminate()
        process.wait(timeout=START_S)


@pytest.fixture(params=["stdio", "http"])
def connect(request: pytest.FixtureRequest, scripted: ScriptedService) -> Connect:
    """Connect the SDK's client over one of the transports."""
    if request.param == "stdio":
        return lambda: over_stdio(scripted.url)
    url = request.getfixturevalue("http_url")
    return lambda: Client(url)
