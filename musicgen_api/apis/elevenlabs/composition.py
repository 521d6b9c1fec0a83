"""`composition_plan` -> the sections of a piece, and back.

There are two kinds of plans: for `music_v1` global styles and `sections`, for later models `chunks`. The model here has
no negative prompts, so negative styles are ignored, and no voice, so lyrics are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from marshmallow import Schema, fields, validate

from musicgen_api.apis.documents.schemas import MAX_SECTIONS
from musicgen_api.apis.fields import StrictInteger, Text
from musicgen_api.apis.lenient import lenient_schema
from musicgen_api.domain.errors import InvalidFields
from musicgen_api.domain.request import MusicRequest, Section
from musicgen_api.settings import Settings

SECTION_MS = (3_000, 120_000)
NO_VOCALS = "The service makes music without vocals and cannot sing. Leave the lyrics out."
_NAME = re.compile(r"^\s*\[([^\]\n]*)\]")
_DIRECTION = re.compile(r"\{([^{}\n]*)\}")  # without the other brace in it a long text takes linear time


class PerhapsBlank(Text):
    """Text that may be empty."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if isinstance(value, str) and not value.strip():
            return ""
        return super()._deserialize(value, attr, data, **kwargs)


@cache
def plan_schema() -> Schema:
    """`composition_plan`, of either kind."""
    section = lenient_schema(
        "CompositionSection",
        section_name=PerhapsBlank(load_default=""),
        positive_local_styles=_styles(),
        duration_ms=_duration(),
        lines=_texts("Lyrics: empty, since nobody sings here."),
    )
    chunk = lenient_schema(
        "CompositionChunk",
        text=PerhapsBlank(
            load_default="", metadata={"description": "A [name] and {directions}; no lyrics, since nobody sings here."}
        ),
        positive_styles=_styles(),
        duration_ms=_duration(),
    )
    return lenient_schema(
        "CompositionPlan",
        positive_global_styles=_styles(),
        sections=_parts(section, "The parts of the piece."),
        chunks=_parts(chunk, "The parts of the piece, as plans for music_v2 have them."),
    )


def sections_of(plan: dict[str, Any], settings: Settings) -> tuple[Section, ...]:
    """The sections that a validated plan asks for.

    Raises:
        InvalidFields: it has no part, lyrics, a part that is not described, or lasts too long.
    """
    every = plan["positive_global_styles"]
    parts = [_of_section(section, every) for section in plan.get("sections", [])]
    parts += [_of_chunk(chunk, every) for chunk in plan.get("chunks", [])]
    _check(parts, settings)
    return tuple(parts)


def plan_of(request: MusicRequest) -> dict[str, Any]:
    """The plan of a piece that was asked for without one."""
    sections = [
        {
            "section_name": f"Part {number}",
            "positive_local_styles": [part.description],
            "negative_local_styles": [],
            "duration_ms": round(part.duration * 1000),
            "lines": [],
        }
        for number, part in enumerate(request.parts, 1)
    ]
    return {"positive_global_styles": [], "negative_global_styles": [], "sections": sections}


def _of_section(section: dict[str, Any], every: list[str]) -> Section:
    if any(section["lines"]):
        raise _invalid(f"lines: {NO_VOCALS}")
    return _section([*every, *section["positive_local_styles"]], section["section_name"], section["duration_ms"])


def _of_chunk(chunk: dict[str, Any], every: list[str]) -> Section:
    name = _NAME.match(chunk["text"])
    rest = _NAME.sub("", chunk["text"])
    if _DIRECTION.sub("", rest).strip():
        raise _invalid(f"text: {NO_VOCALS} A [name] and directions in curly brackets may stay.")
    styles = [*every, *chunk["positive_styles"], *_DIRECTION.findall(rest)]
    return _section(styles, name[1] if name else "", chunk["duration_ms"])


def _section(styles: Iterable[str], name: str, duration_ms: int) -> Section:
    """A part; its name describes it only where nothing else does: models were not trained on words like chorus."""
    described = ", ".join(style.strip() for style in styles if style.strip())
    return Section(described or name.strip(), duration_ms / 1000)


def _check(parts: list[Section], settings: Settings) -> None:
    if not parts:
        raise _invalid("Must have sections or chunks.")
    if len(parts) > MAX_SECTIONS:
        raise _invalid(f"Must have at most {MAX_SECTIONS} parts.")
    if not all(part.description for part in parts):
        raise _invalid("Each part must have a positive style.")
    if any(len(part.description) > settings.max_prompt_chars for part in parts):
        raise _invalid(f"The styles of a part must have at most {settings.max_prompt_chars} characters together.")
    seconds = sum(part.duration for part in parts)
    if seconds > settings.max_duration_s:
        longest = f"The longest piece of this service is {settings.max_duration_s} s."
        raise _invalid(f"In all {seconds:g} seconds. {longest}")


def _invalid(reason: str) -> InvalidFields:
    return InvalidFields({"composition_plan": [reason]})


def _styles() -> fields.Field[Any]:
    return _texts("The music, in words.")


def _texts(description: str) -> fields.Field[Any]:
    return fields.List(PerhapsBlank(), load_default=list, metadata={"description": description})


def _parts(schema: Schema, description: str) -> fields.Field[Any]:
    return fields.List(fields.Nested(schema), metadata={"description": description})


def _duration() -> StrictInteger:
    shortest, longest = SECTION_MS
    return StrictInteger(
        required=True,
        validate=validate.Range(shortest, longest),
        metadata={"description": "Length of this part in milliseconds."},
    )
