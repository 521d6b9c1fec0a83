"""The tools: what an agent can ask for. Each is an order for the service, and the answer to it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import AudioContent, CallToolResult, ContentBlock, TextContent
from pydantic import BaseModel, Field

from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.client.errors import ClientError
from musicgen_api.client.files import slug
from musicgen_api.client.messages import Model, Music, Order, Upload
from musicgen_api.client.service import Service
from musicgen_api.mcp.news import Reporter
from musicgen_api.mcp.sounds import NotUsable, Sounds, write

AnyContext = Context[Any, Any]

Seconds = Annotated[int, Field(ge=1, description="Length of the music in seconds.")]
ModelId = Annotated[str | None, Field(description="A model's id from list_models. Left out: the service's default.")]
Seed = Annotated[
    int | None, Field(ge=0, description="The same seed makes the same music again. Left out: drawn at random.")
]
FileFormat = Annotated[
    Literal["mp3", "wav", "flac", "opus", "aac"], Field(description="The file. mp3 is small, wav and flac are exact.")
]
SaveTo = Annotated[
    str | None,
    Field(description="Save the music to this file and answer with its path. A file that is there is never replaced."),
]
SoundFile = "A sound file: a path, or a data: URL in base64 (data:audio/mpeg;base64,...)."


class Section(BaseModel):
    """A part of a piece."""

    description: str = Field(description="What this part sounds like, in words.")
    duration: int = Field(ge=1, description="Length of this part in seconds.")


class MadeFile(BaseModel):
    """One finished piece."""

    seed: int = Field(description="Makes this piece again.")
    path: str | None = Field(default=None, description="Where it was saved. Without a path it is in the answer itself.")


class Made(BaseModel):
    """What was made."""

    model: str
    seconds: int
    files: list[MadeFile]


class KnownModel(BaseModel):
    """A model that a call may name."""

    id: str
    title: str
    description: str
    default: bool = Field(description="Used where no model is named.")
    loaded: bool = Field(description="In memory: it starts at once.")
    melody: bool | None = Field(description="Whether it can follow a tune. null: not known yet.")


class KnownModels(BaseModel):
    """The service's models."""

    models: list[KnownModel]


class Tools:
    """The tools of one MCP server."""

    def __init__(self, connect: Callable[[], Service], sounds: Sounds, patience_s: float) -> None:
        """Prepare.

        Args:
            connect: makes a client of the service.
            sounds: the files that a call may name.
            patience_s: how long a call waits while the service is busy.
        """
        self._connect = connect
        self._sounds = sounds
        self._patience_s = patience_s

    async def compose_music(
        self,
        ctx: AnyContext,
        description: Annotated[
            str | None,
            Field(description="The music: genre, mood, instruments, tempo. Left out where sections are given."),
        ] = None,
        duration: Annotated[int | None, Field(ge=1, description="Length in seconds. Default: 30.")] = None,
        sections: Annotated[
            list[Section] | None,
            Field(description="Parts that follow each other without a gap, instead of description and duration."),
        ] = None,
        melody: Annotated[str | None, Field(description=f"A tune to follow; needs a melody model. {SoundFile}")] = None,
        takes: Annotated[int, Field(ge=1, le=8, description="The number of pieces to make, each of its own.")] = 1,
        loop: Annotated[bool, Field(description="The end runs into the beginning, for endless playing.")] = False,
        model: ModelId = None,
        seed: Seed = None,
        format: FileFormat = "mp3",
        path: SaveTo = None,
    ) -> Annotated[CallToolResult, Made]:
        """Make instrumental music from a description in words.

        Descriptions that name genre, instruments, mood and tempo work best: "calm solo piano, slow, melancholic".
        There are no lyrics and no singing. Making a piece takes from a few seconds to minutes.
        """
        parts = None if sections is None else [part.model_dump() for part in sections]
        fields = {"description": description, "duration": duration, "sections": parts, "loop": loop or None}
        more = {"takes": takes, "model": model, "seed": seed, "format": format}
        uploads = {} if melody is None else {"melody": melody}
        return await self._make(ctx, fields | more, uploads, path, description or "music")

    async def continue_music(
        self,
        ctx: AnyContext,
        music: Annotated[str, Field(description=f"The music to go on from. {SoundFile}")],
        description: Annotated[str, Field(description="What the continuation sounds like, in words.")],
        duration: Annotated[
            int, Field(ge=1, description="Length of the whole result in seconds, what is kept included.")
        ],
        keep_from: Annotated[float | None, Field(ge=0, description="Keep the music from this second on.")] = None,
        keep_until: Annotated[
            float | None, Field(gt=0, description="Keep the music up to this second. Left out: to its end.")
        ] = None,
        model: ModelId = None,
        seed: Seed = None,
        format: FileFormat = "mp3",
        path: SaveTo = None,
    ) -> Annotated[CallToolResult, Made]:
        """Go on from music that exists: the result opens with it and continues as described."""
        kept = {"continuation_start": keep_from, "continuation_end": keep_until}
        fields = {"description": description, "duration": duration, "model": model, "seed": seed, "format": format}
        return await self._make(ctx, fields | kept, {"continuation": music}, path, description)

    async def sound_effect(
        self,
        ctx: AnyContext,
        description: Annotated[str, Field(description='The sound, in words: "rain on a tin roof, distant thunder".')],
        duration: Seconds = 5,
        loop: Annotated[bool, Field(description="The end runs into the beginning, for endless playing.")] = False,
        model: ModelId = None,
        seed: Seed = None,
        format: FileFormat = "mp3",
        path: SaveTo = None,
    ) -> Annotated[CallToolResult, Made]:
        """Make a sound that is not music: a door, rain, a crowd. Takes the model that the service makes sounds with."""
        if model is None:
            with _sentences():
                async with self._connect() as service:
                    model = _for_effects(await service.models())
        fields = {"description": description, "duration": duration, "loop": loop or None, "model": model}
        return await self._make(ctx, fields | {"seed": seed, "format": format}, {}, path, description)

    async def list_models(self) -> KnownModels:
        """List the models that the other tools may name, and which of them is the default."""
        with _sentences():
            async with self._connect() as service:
                models = await service.models()
        return KnownModels(models=[KnownModel.model_validate(one, from_attributes=True) for one in models])

    async def _make(
        self, ctx: AnyContext, fields: Mapping[str, Any], sources: Mapping[str, str], path: str | None, title: str
    ) -> CallToolResult:
        """Order the music and wait for it. Fields that are None are left out."""
        with _sentences():
            encoding = Encoding(Format(fields["format"]))
            place = self._sounds.place_for(path, f"{slug(title)}.{encoding.extension}")
            uploads: dict[str, Upload] = {name: self._sounds.read(source) for name, source in sources.items()}
            order = Order({name: value for name, value in fields.items() if value is not None}, uploads)
            async with self._connect() as service:
                music = await service.music(order, on_news=Reporter(ctx).report, patience_s=self._patience_s)
            paths = [] if place is None else [str(write(place, take.file)) for take in music.takes]
        return _answer(music, paths, encoding.content_type)


def _answer(music: Music, paths: Sequence[str], content_type: str) -> CallToolResult:
    """In words, as data, and as sound where it was not saved."""
    made = Made(
        model=music.model,
        seconds=music.duration,
        files=[
            MadeFile(seed=take.seed, path=paths[number] if paths else None) for number, take in enumerate(music.takes)
        ],
    )
    lines = [f"{music.duration} s of music by {music.model}."]
    lines += [f"Seed {file.seed}: {file.path or 'see the audio in this answer'}" for file in made.files]
    content: list[ContentBlock] = [TextContent(type="text", text="\n".join(lines))]
    if not paths:
        content += [
            AudioContent(type="audio", data=base64.b64encode(take.file).decode("ascii"), mime_type=content_type)
            for take in music.takes
        ]
    return CallToolResult(content=content, structured_content=made.model_dump())


def _for_effects(models: Sequence[Model]) -> str | None:
    """The model that the service makes sounds with; the default one where it does not say."""
    return next((model.id for model in models if model.details.get("default_for_sounds")), None)


@contextmanager
def _sentences() -> Iterator[None]:
    """What goes wrong becomes the tool's error, with the sentence that says why."""
    try:
        yield
    except ClientError as error:
        raise ToolError(error.message) from None
    except NotUsable as error:
        raise ToolError(str(error)) from None
