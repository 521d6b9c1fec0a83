"""What cannot be asked of a model that makes a whole piece at once, of one length (MAGNeT). Does not import torch."""

from __future__ import annotations

from musicgen_api.domain.errors import InvalidFields
from musicgen_api.domain.request import MusicRequest

_REFUSED = {
    "sections": "Must be left out: this model makes a piece from one description.",
    "continuation": "Must be left out: this model cannot go on from other music.",
    "melody": "Must be left out: this model cannot follow a melody.",
    "loop": "Must be false: a loop is made of more music than it lasts, and this model makes pieces of one length.",
    "live": "Must be false: this model decides the whole piece at once, so nothing can be heard before its end.",
}


def check_whole_piece(request: MusicRequest, duration: float) -> None:
    """Make sure that a model whose pieces last `duration` seconds can do what `request` asks for.

    Raises:
        InvalidFields: it cannot; the fields are named.
    """
    refused = {name: [reason] for name, reason in _REFUSED.items() if getattr(request, name)}
    if request.duration != duration and "sections" not in refused:
        refused["duration"] = [f"Must be {duration:g}: every piece of this model lasts {duration:g} seconds."]
    if refused:
        raise InvalidFields(refused)
