"""Uploads become sound, before the lock is taken: what cannot be read is refused by the name of its field."""

from __future__ import annotations

import dataclasses
import threading

from musicgen_api.audio import recipe as recipes
from musicgen_api.audio.read import Limits, UnreadableSound, read
from musicgen_api.audio.recipe import InvalidRecipe
from musicgen_api.audio.shape import overlap_s
from musicgen_api.domain.errors import InvalidFields, Overloaded
from musicgen_api.domain.recipe import Codes, Recipe, whole_frames
from musicgen_api.domain.request import Continuation, Recording

SHORTEST_S = 0.1
"""Of what is kept, and of what is made after it."""
MOST_SECONDS = 600
"""Of a file that is read."""

_TOLERANCE_S = 0.2
"""By so much may a file be longer than its codes: codecs add up to 4,096 samples at its end."""

_decoders = threading.BoundedSemaphore(2)
"""Ten minutes of stereo are 230 MB while they are decoded: not for every thread at once."""
_PATIENCE_S = 30.0


def recording_of(name: str, file: bytes) -> Recording:
    """The sound of `file`, which came as the field `name`.

    Raises:
        InvalidFields: it cannot be read, or is longer than `MOST_SECONDS`.
        Overloaded: other uploads are being decoded, and that takes long.
    """
    if not _decoders.acquire(timeout=_PATIENCE_S):
        raise Overloaded
    try:
        return read(file, limits=Limits(size=len(file), duration_s=MOST_SECONDS))
    except UnreadableSound as error:
        raise InvalidFields({name: [str(error)]}) from None
    finally:
        _decoders.release()


def recipe_in(name: str, file: bytes) -> Recipe | None:
    """The recipe that `file` has. Raises `InvalidFields` where it is damaged."""
    try:
        return recipes.read(file)
    except InvalidRecipe as error:
        raise InvalidFields({name: [str(error)]}) from None


def continuation_of(name: str, file: bytes, start_s: float, end_s: float | None) -> Continuation:
    """The part of `file` from `start_s` to `end_s` (None: its end), and its codes where it is a file of ours.

    Raises:
        InvalidFields: the file cannot be read, its recipe is damaged, or it has no such part.
        Overloaded: as for `recording_of`.
    """
    whole = recording_of(name, file)
    recipe = recipe_in(name, file)
    codes = None if recipe is None else _codes_of(whole, recipe)
    length_s = whole.duration_s if codes is None else min(whole.duration_s, codes.duration_s)
    end_s = _end_of(name, length_s, start_s, end_s)
    samples = whole.samples[:, round(start_s * whole.sample_rate) : round(end_s * whole.sample_rate)]
    return Continuation(
        end_s - start_s,
        Recording(samples.copy(), whole.sample_rate),
        None if codes is None else _part(codes, start_s, end_s),
    )


def _end_of(name: str, length_s: float, start_s: float, end_s: float | None) -> float:
    """Where the part ends, once it is one."""
    if end_s is not None and end_s > length_s + SHORTEST_S:
        raise InvalidFields({f"{name}_end": [f"Must be within the file, which lasts {length_s:.2f} s."]})
    end_s = length_s if end_s is None else min(end_s, length_s)
    if end_s - start_s < SHORTEST_S:
        reason = f"Must be at least {SHORTEST_S:g} s before the end of what is kept, {end_s:.2f} s."
        raise InvalidFields({f"{name}_start": [reason]})
    return end_s


def _codes_of(sound: Recording, recipe: Recipe) -> Codes | None:
    """The recipe's codes, if they are as long as the sound. A file that was cut since is taken as it sounds."""
    if recipe.codes is None:
        return None
    more_s = recipe.codes.duration_s - sound.duration_s
    overlap = overlap_s(sound.duration_s) if recipe.request.get("loop") is True else 0.0
    return recipe.codes if -_TOLERANCE_S <= more_s <= overlap + _TOLERANCE_S else None


def _part(codes: Codes, start_s: float, end_s: float) -> Codes:
    begin = round(start_s * codes.frame_rate)
    ids = codes.ids[:, begin : begin + whole_frames(end_s - start_s, codes.frame_rate)]
    return dataclasses.replace(codes, ids=ids)
