"""An agent's calls over stdio and over streamable HTTP, by the SDK's client, to a real MCP server and real routes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import anyio
import httpx2
import pytest
from mcp.types import AudioContent, CallToolResult, TextContent

from musicgen_api.domain.errors import OutOfMemory
from musicgen_api.domain.request import Monitor, Phase
from tests.helpers.fakes import LONG_S
from tests.helpers.scripted import ScriptedService
from tests.helpers.server import Server, wait_until
from tests.mcp.conftest import Connect, over_stdio

PIANO = {"description": "calm piano", "duration": 1}


class Heard:
    """The progress notifications of a call; does something at the first that says `word`."""

    def __init__(self, word: str = "", act: Callable[[], object] = lambda: None) -> None:
        self.values: list[float] = []
        self.sentences: list[str] = []
        self._word, self._act = word, act

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        assert total == 100
        self.values.append(progress)
        self.sentences.append(message or "")
        if self._word and self._word in self.sentences[-1]:
            self._word = ""
            self._act()


def call(connect: Connect, tool: str, arguments: dict[str, Any], heard: Heard | None = None) -> CallToolResult:
    """The result of one call."""

    async def run() -> CallToolResult:
        async with connect() as client:
            return await client.call_tool(tool, arguments, progress_callback=heard)

    return anyio.run(run)


def text_of(result: CallToolResult) -> str:
    first = result.content[0]
    assert isinstance(first, TextContent)
    return first.text


def test_music_comes_with_progress_as_mp3_in_the_answer(connect: Connect, scripted: ScriptedService) -> None:
    heard = Heard()

    def until_heard(monitor: Monitor) -> None:
        wait_until(lambda: 40.0 in heard.values, LONG_S, why="the notification")

    scripted.step(lambda monitor: monitor.progress(40, Phase.GENERATING), until_heard)
    scripted.complete()
    result = call(connect, "compose_music", PIANO | {"seed": 7}, heard)
    assert not result.is_error
    assert heard.values == sorted(set(heard.values))  # each above the last, as the protocol demands
    audio = result.content[1]
    assert isinstance(audio, AudioContent)
    assert audio.mime_type == "audio/mpeg"
    assert base64.b64decode(audio.data).startswith(b"ID3")
    request = scripted.next_request()
    assert (request.description, request.duration, request.seed, request.format) == ("calm piano", 1, 7, "mp3")
    assert result.structured_content is not None
    assert result.structured_content["seconds"] == 1


def test_busy_is_waited_for_and_said(scripted: ScriptedService) -> None:
    heard = Heard("busy: one piece of music is generated at a time", scripted.complete)

    async def both() -> CallToolResult:
        async with over_stdio(scripted.url) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "compose_music", PIANO)
            await anyio.to_thread.run_sync(scripted.next_request)
            tasks.start_soon(anyio.to_thread.run_sync, complete_the_second)
            return await client.call_tool("compose_music", PIANO, progress_callback=heard)

    def complete_the_second() -> None:
        scripted.synthesizer.requests.get(timeout=60)
        scripted.complete()

    assert not anyio.run(both).is_error
    assert any(sentence.startswith("Waiting. busy:") for sentence in heard.sentences)


def test_cancelling_the_call_cancels_the_job(connect: Connect, scripted: ScriptedService) -> None:
    async def leave() -> None:
        async with connect() as client:
            with anyio.CancelScope() as scope:
                heard = Heard("Generating", scope.cancel)
                await client.call_tool("compose_music", PIANO, progress_callback=heard)
            assert scope.cancelled_caught
            with anyio.fail_after(LONG_S):
                while scripted.gpu_thread.busy:
                    await anyio.sleep(0.01)
            assert not (await client.call_tool("list_models")).is_error

    anyio.run(leave)
    scripted.next_request()


def test_errors_are_the_service_s_sentences(connect: Connect, scripted: ScriptedService) -> None:
    async def fail() -> list[CallToolResult]:
        async with connect() as client:
            too_long = await client.call_tool("compose_music", {"description": "x", "duration": 1000})
            scripted.fail(OutOfMemory("Not enough memory."))
            no_memory = await client.call_tool("sound_effect", {"description": "rain", "duration": 1})
            return [too_long, no_memory]

    too_long, no_memory = anyio.run(fail)
    scripted.next_request()
    assert too_long.is_error
    assert "duration: Must be greater than or equal to 1 and less than or equal to 300." in text_of(too_long)
    assert no_memory.is_error
    assert "Not enough memory." in text_of(no_memory)


def test_the_tools_and_the_models_are_described(connect: Connect) -> None:
    async def look() -> tuple[Any, CallToolResult]:
        async with connect() as client:
            return (await client.list_tools()).tools, await client.call_tool("list_models")

    tools, models = anyio.run(look)
    assert {tool.name for tool in tools} == {"compose_music", "continue_music", "sound_effect", "list_models"}
    for tool in tools:
        assert tool.description
        assert tool.output_schema
        assert all("description" in field for field in tool.input_schema["properties"].values())
    assert models.structured_content is not None
    (default,) = [model for model in models.structured_content["models"] if model["default"]]
    assert default["id"] == "bundled/musicgen-tiny"
    assert "facebook/musicgen-melody" in {
        model["id"] for model in models.structured_content["models"] if model["melody"]
    }


@pytest.mark.parametrize(("header", "status"), [({"Origin": "https://elsewhere.example"}, 403), ({"Host": "a.b"}, 421)])
def test_over_http_web_pages_from_elsewhere_are_refused(http_url: str, header: dict[str, str], status: int) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"Accept": "application/json, text/event-stream"}
    assert httpx2.post(http_url, json=body, headers=accept | header).status_code == status


@pytest.mark.timeout(400)
def test_a_real_service_makes_files_on_this_machine_and_continues_one(server: Server, tmp_path: Any) -> None:
    path = tmp_path / "piano.wav"
    arguments = {"description": "calm piano", "duration": 1, "takes": 2, "format": "wav", "path": str(path)}
    result = call(lambda: over_stdio(server.url), "compose_music", arguments)
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    paths = [file["path"] for file in result.structured_content["files"]]
    assert paths == [str(path), str(tmp_path / "piano-2.wav")]
    assert path.read_bytes() != (tmp_path / "piano-2.wav").read_bytes()
    assert len(result.content) == 1  # the paths alone
    result = call(
        lambda: over_stdio(server.url),
        "continue_music",
        {
            "music": str(path),
            "keep_until": 0.5,
            "description": "strings",
            "duration": 2,
            "path": str(tmp_path / "b.mp3"),
        },
    )
    assert not result.is_error, text_of(result)
    assert (tmp_path / "b.mp3").read_bytes().startswith(b"ID3")
