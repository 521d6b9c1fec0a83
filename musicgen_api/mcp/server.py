"""The MCP server and its command."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from mcp.server import MCPServer
from mcp.types import ToolAnnotations

from musicgen_api.client.errors import ClientError
from musicgen_api.client.service import DEFAULT_URL, Service
from musicgen_api.mcp.sounds import Sounds
from musicgen_api.mcp.tools import Tools
from musicgen_api.version import VERSION

_INSTRUCTIONS = """\
Makes instrumental music and sounds from descriptions in words, with Meta's MusicGen on a machine of the user's own.
One piece is made at a time: a call waits while the service is busy, and says so in its progress.
Tell the user the seed of a piece that they like: with it and the same description the piece can be made again.\
"""

_LARGEST_CALL = 64 * 2**20
"""Bytes of one call over HTTP, which may hold a sound file in base64."""

_MAKES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False)
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)


def make_server(tools: Tools, *, log_level: str = "WARNING") -> MCPServer[None]:
    """The server with its tools; nothing runs yet."""
    server: MCPServer[None] = MCPServer(
        "musicgen",
        title="MusicGen API",
        instructions=_INSTRUCTIONS,
        version=VERSION,
        log_level=log_level,  # type: ignore[arg-type]
    )
    making: dict[str, Callable[..., Any]] = {
        "Compose music": tools.compose_music,
        "Continue music": tools.continue_music,
        "Make a sound effect": tools.sound_effect,
    }
    for title, tool in making.items():
        server.add_tool(tool, title=title, description=inspect.getdoc(tool), annotations=_MAKES)
    server.add_tool(tools.list_models, title="List models", annotations=_READS)
    return server


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--server",
    "url",
    envvar="MUSICGEN_SERVER",
    default=DEFAULT_URL,
    show_default=True,
    metavar="URL",
    help="The running service ($MUSICGEN_SERVER).",
)
@click.option("--api-key", envvar="MUSICGEN_API_KEY", metavar="KEY", help="The service's key ($MUSICGEN_API_KEY).")
@click.option(
    "--folder",
    envvar="MUSICGEN_MCP_FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Save all music here and answer with paths ($MUSICGEN_MCP_FOLDER). Without it, answers hold the sound, unless "
    "a call names a file.",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a call waits while the service is busy.",
)
@click.option("--http", is_flag=True, help="Serve streamable HTTP at /mcp, not stdio. Calls reach --folder alone.")
@click.option("--host", default="127.0.0.1", show_default=True, help="With --http: the address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8001, show_default=True, help="With --http: the port.")
def main(url: str, api_key: str | None, folder: Path | None, wait: float, http: bool, host: str, port: int) -> None:
    """Serve the Model Context Protocol, so that agents make music with a running service."""

    def connect() -> Service:
        return Service(url, api_key=api_key)

    try:
        connect()
    except ClientError as error:
        raise click.UsageError(error.message) from None
    tools = Tools(connect, Sounds(folder, confined=http), wait)
    if http:
        make_server(tools, log_level="INFO").run(
            "streamable-http", host=host, port=port, max_request_body_size=_LARGEST_CALL
        )
    else:
        make_server(tools).run("stdio")
