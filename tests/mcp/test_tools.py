"""What the tools order, and which files they may touch."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.types import CallToolResult

from musicgen_api.client.service import Service
from musicgen_api.mcp.server import make_server
from musicgen_api.mcp.sounds import NotUsable, Sounds
from musicgen_api.mcp.tools import Tools

MODELS = [
    {
        "id": id_,
        "title": id_,
        "description": "",
        "default": id_ == "a",
        "loaded": False,
        "default_for_sounds": id_ == "x/sounds",
    }
    for id_ in ("a", "facebook/audiogen-medium", "x/sounds")
]
COMPLETED = {"status": "completed", "audio_data": "AAAA", "seed": 3, "model": "m", "duration": 9}


class Remembering:
    """An HTTP service that remembers what it was sent, and always makes the same music."""

    def __init__(self, models: list[dict[str, Any]] = MODELS) -> None:
        self.bodies: list[bytes] = []
        self._models = models

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(200, json={"models": self._models})
        self.bodies.append(request.content)
        event = COMPLETED | {"sample_rate": 32_000, "channels": 1}
        return httpx2.Response(
            200, headers={"Content-Type": "text/event-stream"}, text=f"data: {json.dumps(event)}\n\n"
        )

    def call(self, tool: str, sounds: Sounds | None = None, **arguments: Any) -> CallToolResult:
        """Call a tool of a server in this process."""
        tools = Tools(
            lambda: Service("host", transport=httpx2.MockTransport(self)), sounds or Sounds(None, confined=True), 0
        )

        async def run() -> CallToolResult:
            async with Client(make_server(tools)) as client:
                return await client.call_tool(tool, arguments)

        return anyio.run(run)


def test_sections_and_all_else_are_ordered_as_the_api_spells_them() -> None:
    service = Remembering()
    sections = [{"description": "soft", "duration": 4}, {"description": "loud", "duration": 6}]
    service.call("compose_music", sections=sections, takes=2, loop=True, model="m", seed=0, format="flac")
    assert json.loads(service.bodies[0]) == {
        "sections": sections, "takes": 2, "loop": True, "model": "m", "seed": 0, "format": "flac",
    }  # fmt: skip


def test_music_is_continued_from_base64_and_a_part_of_it_is_kept() -> None:
    service = Remembering()
    source = "data:audio/mpeg;base64," + base64.b64encode(b"ID3 music").decode()
    service.call("continue_music", music=source, description="more", duration=20, keep_from=1.5, keep_until=12)
    (body,) = service.bodies
    assert b'name="continuation"; filename="sound.mpeg"' in body
    assert b"ID3 music" in body
    fields = json.loads(body[body.index(b"{") : body.index(b"}") + 1])
    assert fields == {
        "description": "more", "duration": 20, "format": "mp3", "continuation_start": 1.5, "continuation_end": 12.0,
    }  # fmt: skip


def test_a_sound_effect_takes_the_model_that_the_service_makes_sounds_with() -> None:
    service = Remembering()
    service.call("sound_effect", description="rain")
    service.call("sound_effect", description="rain", model="a")
    without = Remembering(MODELS[:1])
    without.call("sound_effect", description="rain")
    bodies = [json.loads(body) for body in service.bodies + without.bodies]
    assert [body.get("model") for body in bodies] == ["x/sounds", "a", None]
    assert bodies[0]["duration"] == 5


def test_with_a_folder_the_answer_is_a_path_in_it(tmp_path: Path) -> None:
    service = Remembering()
    sounds = Sounds(tmp_path, confined=True)
    for name in ("calm-piano.mp3", "calm-piano-2.mp3"):
        result = service.call("compose_music", sounds, description="Calm piano", duration=9)
        assert result.structured_content == {
            "model": "m", "seconds": 9, "files": [{"seed": 3, "path": str(tmp_path / name)}],
        }  # fmt: skip
        assert len(result.content) == 1
        assert (tmp_path / name).read_bytes() == b"\0\0\0"


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret", "~/secret", "link/secret"])
def test_who_is_confined_to_a_folder_neither_reads_nor_writes_outside(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "link").symlink_to(tmp_path)
    sounds = Sounds(folder, confined=True)
    with pytest.raises(NotUsable, match="is not in the folder"):
        sounds.read(name)
    with pytest.raises(NotUsable, match="is not in the folder"):
        sounds.place_for(name, "suggestion")
    with pytest.raises(NotUsable, match="without a folder"):
        Sounds(None, confined=True).read(name)


def test_over_stdio_every_file_of_the_user_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    sounds = Sounds(None, confined=False)
    assert sounds.read("a.wav").data == sounds.read(str(tmp_path / "a.wav")).data == b"RIFF"
    assert sounds.place_for("b.wav", "suggestion") == tmp_path / "b.wav"
    assert sounds.place_for(None, "suggestion") is None


@pytest.mark.parametrize(
    "source", ["nothing.wav", ".", "data:audio/wav;base64,%", "data:nonsense", "a\0b", "~nobody-here/a"]
)
def test_what_cannot_be_read_or_written_is_said_before_any_work(source: str, tmp_path: Path) -> None:
    service = Remembering()
    sounds = Sounds(tmp_path, confined=False)
    result = service.call("continue_music", sounds, music=source, description="more", duration=9)
    assert result.is_error
    assert "tool continue_music: " in str(result.content[0])  # a sentence follows; nothing does after a crash
    result = service.call("compose_music", sounds, description="x", path="none/a.mp3")
    assert "There is no folder" in str(result.content[0])
    assert not service.bodies
