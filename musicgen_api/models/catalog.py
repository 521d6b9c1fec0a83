"""The models that requests may name. Clients see ids only, never the place of the files. Does not import torch."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from musicgen_api.domain.errors import UnknownModel
from musicgen_api.domain.request import MusicRequest
from musicgen_api.models.whole_pieces import check_whole_piece
from musicgen_api.settings import ConfigurationError, Settings

BUNDLED_ID = "bundled/musicgen-tiny"
BUNDLED_FOLDER = Path(__file__).parents[2] / "bundled" / "musicgen-tiny"

_SIZES = {"small": "300 M", "medium": "1.5 B", "large": "3.3 B"}
_MELODY_SIZES = {"melody": "1.5 B", "melody-large": "3.3 B"}


class Purpose(enum.StrEnum):
    """What a model is for."""

    MUSIC = "music"
    SOUND_EFFECTS = "sound effects"


@dataclass(frozen=True, kw_only=True)
class CatalogEntry:
    """A model that requests may name. None: not known before it is loaded."""

    id: str
    title: str
    description: str
    source: str  # a folder or a hub id; never shown to clients
    purpose: Purpose | None = Purpose.MUSIC
    channels: int | None = 1  # 1 mono, 2 stereo
    sample_rate: int | None = 32_000  # in Hz
    duration: int | None = None  # seconds that each of its pieces lasts; None: as asked for
    defaults: Mapping[str, Any] = field(default_factory=dict)  # of a request, where they are the model's own
    bundled: bool = False
    melody: bool | None = False  # whether it can follow one; None: not known before it is loaded

    def check(self, request: MusicRequest) -> None:
        """Make sure that the model can do what `request` asks for. Raises `InvalidFields`, naming the fields."""
        if self.duration is not None:
            check_whole_piece(request, self.duration)


class Catalog:
    """The models of this service: the bundled one, Meta's `facebook/musicgen-*`, and what the operator adds."""

    def __init__(self, settings: Settings) -> None:
        self._entries = {entry.id: entry for entry in _built_in()}
        for model_id, source in settings.added_models.items():
            self._entries[model_id] = _added(model_id, source, self._entries.get(model_id))
        self.default_id = self._known("MUSICGEN_DEFAULT_MODEL", settings.default_model)
        self.sound_id = self._known("MUSICGEN_SOUND_MODEL", settings.sound_model or settings.default_model)

    def __iter__(self) -> Iterator[CatalogEntry]:
        return iter(self._entries.values())

    def _known(self, variable: str, model_id: str) -> str:
        if model_id not in self._entries:
            known = ", ".join(self._entries)
            raise ConfigurationError(f"{variable} cannot be used: {model_id!r} is not in the catalogue ({known}).")
        return model_id

    def find(self, model_id: str) -> CatalogEntry:
        """The entry for `model_id` in either spelling.

        Raises:
            UnknownModel: the catalogue has no such model.
        """
        entry = self._get(model_id)
        if entry is None:
            raise UnknownModel(list(self._entries))
        return entry

    def defaults_of(self, model_id: object) -> Mapping[str, Any]:
        """The defaults of a request where they are the model's own; none of what is not in the catalogue."""
        entry = self._get(model_id) if isinstance(model_id, str) else None
        return {} if entry is None else entry.defaults

    def _get(self, model_id: str) -> CatalogEntry | None:
        return self._entries.get(model_id) or self._entries.get(hub_spelling(model_id))


def hub_spelling(model_id: str) -> str:
    """`facebook/musicgen-small-stereo`, as the generate document spells it, -> `facebook/musicgen-stereo-small`."""
    prefix, suffix = "facebook/musicgen-", "-stereo"
    if model_id.startswith(prefix) and model_id.endswith(suffix):
        return f"{prefix}stereo-{model_id[len(prefix) : -len(suffix)]}"
    return model_id


def _built_in() -> Iterator[CatalogEntry]:
    yield CatalogEntry(
        id=BUNDLED_ID,
        title="MusicGen tiny (demonstration)",
        description="A small model of our own that ships with the service and needs no download. "
        "For trying things out; for real music choose a facebook/musicgen model.",
        source=str(BUNDLED_FOLDER),
        bundled=True,
    )
    for stereo in (False, True):
        for variant, size in (_SIZES | _MELODY_SIZES).items():
            yield _hub_entry(variant, size, stereo)
    yield CatalogEntry(
        id="facebook/audiogen-medium",
        title="AudioGen medium",
        description="Sounds instead of music. 1.5 B parameters, downloaded on first use; weights CC-BY-NC 4.0.",
        source="facebook/audiogen-medium",
        purpose=Purpose.SOUND_EFFECTS,
        sample_rate=16_000,
    )
    for size in ("small", "medium"):
        for duration in (10, 30):
            yield _magnet(f"facebook/magnet-{size}-{duration}secs", size, duration, Purpose.MUSIC)
        yield _magnet(f"facebook/audio-magnet-{size}", size, 10, Purpose.SOUND_EFFECTS)


def _magnet(hub_id: str, size: str, duration: int, purpose: Purpose) -> CatalogEntry:
    """A MAGNeT, with AudioCraft's parameters for it (config/solver/magnet/{magnet_32khz,audio_magnet_16khz}.yaml)."""
    sounds = purpose is Purpose.SOUND_EFFECTS
    music = {"temperature": 3.0, "top_p": 0.9, "cfg_coef": 10.0}
    return CatalogEntry(
        id=hub_id,
        title=f"{'Audio MAGNeT' if sounds else 'MAGNeT'} {size}, {duration} s",
        description=f"Pieces of {duration} s, decided at once. {_SIZES[size]} parameters, downloaded on first use; "
        "weights CC-BY-NC 4.0.",
        source=hub_id,
        purpose=purpose,
        sample_rate=16_000 if sounds else 32_000,
        duration=duration,
        defaults={
            "duration": duration,
            **({"temperature": 3.5, "top_p": 0.8, "cfg_coef": 20.0} if sounds else music),
        },
    )


def _hub_entry(variant: str, size: str, stereo: bool) -> CatalogEntry:
    hub_id = f"facebook/musicgen-{'stereo-' if stereo else ''}{variant}"
    melody = " It can follow a melody." if "melody" in variant else ""
    return CatalogEntry(
        id=hub_id,
        title=f"MusicGen {variant.replace('-', ' ')}{' stereo' if stereo else ''}",
        description=f"{size} parameters, downloaded on first use; weights CC-BY-NC 4.0.{melody}",
        channels=2 if stereo else 1,
        source=hub_id,
        melody="melody" in variant,
    )


def _added(model_id: str, source: str, known: CatalogEntry | None) -> CatalogEntry:
    """A model that the operator adds, or another place for one that is known."""
    if known is not None:
        return replace(known, source=source, description="Kept by the operator.", bundled=False)
    return CatalogEntry(
        id=model_id,
        title=model_id,
        description="Added by the operator.",
        source=source,
        purpose=None,
        channels=None,
        sample_rate=None,
        melody=None,
    )
