"""A take becomes the file that was asked for, with its recipe in it.

Whoever answers does this, after the job has ended: the GPU thread has other work by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from musicgen_api.audio.encode import encode
from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.audio.level import Samples
from musicgen_api.audio.recipe import tags_of
from musicgen_api.audio.shape import fade, fit, loop
from musicgen_api.audio.tags import NO_TAGS
from musicgen_api.domain.recipe import Recipe, whole_frames
from musicgen_api.domain.request import MusicRequest, Take
from musicgen_api.version import VERSION

FORMATS = tuple(str(name) for name in Format if name is not Format.ULAW)
"""What `format` may be; telephones are another family's clients."""


PROMISED_RATE = 32_000
"""In Hz: what both documents say of their WAV files, whatever the model's own rate is."""


def encoding_of(request: MusicRequest) -> Encoding:
    """The file that `request` asks for."""
    if request.format is None:
        return Encoding(Format.WAV, PROMISED_RATE)
    return Encoding(Format(request.format))


def render(take: Take, sample_rate: int, request: MusicRequest, encoding: Encoding | None = None) -> bytes:
    """The file of `take`, whose samples are at `sample_rate` Hz: exactly as long as asked for, shaped, and tagged.

    `encoding` instead of the request's own, for clients who name rates as well.
    """
    samples = take.waveform
    length = length_of(request, sample_rate)
    if request.loop:
        samples = loop(samples[:, : 2 * length], sample_rate, length)  # the last frame may reach further
    samples = fit(samples, length)
    if request.fade_in or request.fade_out:
        samples = fade(samples, sample_rate, request.fade_in, request.fade_out)
    if request.loudness is not None:
        samples = _as_loud(samples, sample_rate, request.loudness)
    return encode(samples, sample_rate, encoding or encoding_of(request), tags_for(request, take))


def tags_for(request: MusicRequest, take: Take) -> Mapping[str, str]:
    """What the file says of itself."""
    return tags_of(recipe_of(request, take)) if request.recipe else NO_TAGS


def length_of(request: MusicRequest, sample_rate: int) -> int:
    """Of the piece, in samples at `sample_rate` Hz."""
    return round(request.duration * sample_rate)


def recipe_of(request: MusicRequest, take: Take) -> Recipe:
    """How `take` was made: a request for it alone, by the names of `POST /api/music`, and its codes."""
    asked = _what(request, take.reading.descriptions) | _kept(request, take) | _how(request, take)
    return Recipe(request=asked, version=VERSION, codes=take.codes)


def _what(request: MusicRequest, used: tuple[str, ...]) -> dict[str, Any]:
    """The parts, each with what the model read in place of its description, so that nobody needs to translate again."""
    parts = [{"description": part.description, "duration": part.duration} for part in request.parts]
    for part, text in zip(parts, used, strict=bool(used)):
        if text != part["description"]:
            part["description_used"] = text
    return {"sections": parts} if request.sections else parts[0]


def _how(request: MusicRequest, take: Take) -> dict[str, Any]:
    named = ("mbd", "top_k", "top_p", "temperature", "cfg_coef", "fade_in", "fade_out", "loop")
    chosen = {name: getattr(request, name) for name in ("format", "loudness") if getattr(request, name) is not None}
    return {"model": request.model, "seed": take.seed} | {name: getattr(request, name) for name in named} | chosen


def _kept(request: MusicRequest, take: Take) -> dict[str, Any]:
    """Which part of the piece was there before. The piece's own file, as `continuation`, has it too."""
    if request.continuation is None:
        return {}
    kept_s = request.continuation.duration_s
    if take.codes is not None:
        kept_s = whole_frames(kept_s, take.codes.frame_rate) / take.codes.frame_rate
    return {"continuation_start": 0.0, "continuation_end": round(kept_s, 6)}


def _as_loud(samples: Samples, sample_rate: int, lufs: float) -> Samples:
    from musicgen_api.audio.loudness import to_loudness  # here: it imports scipy, which takes a second or two

    return to_loudness(samples, sample_rate, lufs)
