"""The models that requests may name. Clients see ids only, never the place of the files. Does not import torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from musicgen_api.domain.errors import UnknownModel
from musicgen_api.settings import ConfigurationError, Settings

BUNDLED_ID = "bundled/musicgen-tiny"
BUNDLED_FOLDER = Path(__file__).parents[2] / "bundled" / "musicgen-tiny"

ENGLISH = ("en",)

_SIZES = {"small": "300 M", "medium": "1.5 B", "large": "3.3 B"}
_MELODY_SIZES = {"melody": "1.5 B", "melody-large": "3.3 B"}


@dataclass(frozen=True, kw_only=True)
class CatalogEntry:
    """A model that requests may name."""

    id: str
    title: str
    description: str
    channels: int | None  # 1 mono, 2 stereo; None: not known before it is loaded
    source: str  # a folder or a hub id; never shown to clients
    languages: tuple[str, ...] = ENGLISH  # which it reads, ISO 639-1
    bundled: bool = False


class Catalog:
    """The models of this service: the bundled one, Meta's `facebook/musicgen-*`, and what the operator adds."""

    def __init__(self, settings: Settings) -> None:
        self._entries = {entry.id: entry for entry in _built_in()}
        for model_id, source in settings.added_models.items():
            self._entries[model_id] = _added(model_id, source)
        if settings.default_model not in self._entries:
            known = ", ".join(self._entries)
            raise ConfigurationError(
                f"MUSICGEN_DEFAULT_MODEL cannot be used: {settings.default_model!r} is not in the catalogue ({known})."
            )
        self.default_id = settings.default_model

    def __iter__(self) -> Iterator[CatalogEntry]:
        return iter(self._entries.values())

    def find(self, model_id: str) -> CatalogEntry:
        """The entry for `model_id` in either spelling.

        Raises:
            UnknownModel: the catalogue has no such model.
        """
        entry = self._entries.get(model_id) or self._entries.get(hub_spelling(model_id))
        if entry is None:
            raise UnknownModel(list(self._entries))
        return entry


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
        channels=1,
        source=str(BUNDLED_FOLDER),
        languages=("en", "fr", "zh", "es", "de", "ja", "pt"),
        bundled=True,
    )
    for stereo in (False, True):
        for variant, size in (_SIZES | _MELODY_SIZES).items():
            yield _hub_entry(variant, size, stereo)


def _hub_entry(variant: str, size: str, stereo: bool) -> CatalogEntry:
    hub_id = f"facebook/musicgen-{'stereo-' if stereo else ''}{variant}"
    melody = " Its melody input is not used here." if "melody" in variant else ""
    return CatalogEntry(
        id=hub_id,
        title=f"MusicGen {variant.replace('-', ' ')}{' stereo' if stereo else ''}",
        description=f"{size} parameters, downloaded on first use; weights CC-BY-NC 4.0.{melody}",
        channels=2 if stereo else 1,
        source=hub_id,
    )


def _added(model_id: str, source: str) -> CatalogEntry:
    return CatalogEntry(id=model_id, title=model_id, description="Added by the operator.", channels=None, source=source)
