"""Descriptions as the model of music can read them: translated where they are in a language that it does not read."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen_api.domain.errors import HubBusy, ModelError, OutOfMemory
from musicgen_api.domain.request import Monitor, Reading, Section
from musicgen_api.models.checkpoint import naming
from musicgen_api.models.device import device_failures, free_memory
from musicgen_api.translation.language import UNKNOWN, languages_of, prepare

if TYPE_CHECKING:
    from musicgen_api.translation.marian import Marian

log = logging.getLogger(__name__)

MODELS: dict[str, str] = {
    **{language: f"Helsinki-NLP/opus-mt-{language}-en" for language in ("de", "es", "fr", "ja", "ko", "ru", "zh")},
    UNKNOWN: "Helsinki-NLP/opus-mt-mul-en",
}
"""By language; UNKNOWN stands for all others. Licences, sizes and reasons: docs/decisions.md."""

TRY_AGAIN_S = 60.0
"""A model that could not be had is not tried for again before, or each request would wait for a silent hub."""


@dataclass
class _Held:
    source: str
    model: Marian
    used_at: float


class Translators:
    """The translation models: at most one in memory. For one thread.

    Args:
        sources: added to `MODELS`, or in their place.
        translate: False: every text stays as it is.
        idle_s: a model unused for this many seconds is freed by `release_idle`; 0 keeps it.
    """

    def __init__(
        self,
        sources: Mapping[str, str],
        *,
        translate: bool = True,
        idle_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = MODELS | dict(sources)
        self._on = translate
        self._idle_s = idle_s
        self._clock = clock
        self._held: _Held | None = None
        self._failed: dict[str, tuple[float, str]] = {}

    def prepare(self) -> None:
        """Get ready to tell languages apart, so that no description waits for it."""
        if self._on:
            prepare()

    def read(self, parts: Sequence[Section], languages: Collection[str], monitor: Monitor) -> Reading:
        """What a model that reads `languages` is given for `parts`.

        If a translation cannot be had, the text stays as it is, and the result says why. So this fails with `Cancelled`
        alone.
        """
        texts = [part.description_used or part.description for part in parts]
        waiting: dict[str, list[int]] = {}
        for index, part in enumerate(parts):
            found = languages_of(part.description) if self._on and part.description_used is None else frozenset()
            if _is_foreign(found, languages):
                waiting.setdefault(self._source_for(found), []).append(index)
        warning = None
        for source, places in waiting.items():
            try:
                translations = self._translate(source, [texts[place] for place in places], monitor)
            except (ModelError, HubBusy, OutOfMemory) as error:
                if isinstance(error, OutOfMemory):
                    self.release()
                warning = f"The description is not translated, and the model may not read its language. {error.message}"
                log.warning("a description is not translated: %s", error.message)
                continue
            for place, translation in zip(places, translations, strict=True):
                texts[place] = translation or texts[place]
        own = [part.description for part in parts]
        return Reading(() if texts == own else tuple(texts), warning)

    def release(self) -> None:
        """Free the model; the next text that needs it loads it again."""
        if self._held is not None:
            log.info("freed %s", _name_of(self._held.source))
            self._held = None
            free_memory()

    def release_idle(self) -> float | None:
        """Free the model if it was idle for too long. Returns the seconds until it may be, or None."""
        if self._held is None or not self._idle_s:
            return None
        left_s = self._held.used_at + self._idle_s - self._clock()
        if left_s > 0:
            return max(left_s, 0.01)
        self.release()
        return None

    def _source_for(self, languages: frozenset[str]) -> str:
        [language, *others] = languages
        return self._sources.get(UNKNOWN if others else language, self._sources[UNKNOWN])

    def _translate(self, source: str, texts: list[str], monitor: Monitor) -> list[str]:
        name = _name_of(source)
        with naming(name), device_failures(f"translating with {name}"):
            model = self._get(source, monitor)
            translations = model.translate(texts, monitor.check)
        if self._held is not None:
            self._held.used_at = self._clock()
        return translations

    def _get(self, source: str, monitor: Monitor) -> Marian:
        if self._held is None or self._held.source != source:
            until, reason = self._failed.get(source, (0.0, ""))
            if reason and self._clock() < until:
                raise ModelError(reason)
            self._held = _Held(source, self._load(source, monitor), self._clock())
        return self._held.model

    def _load(self, source: str, monitor: Monitor) -> Marian:
        from musicgen_api.translation import marian  # here: half of transformers' generation, which few need

        began = self._clock()
        try:
            folder = marian.fetch(source, monitor)
            self.release()  # only now: a model that cannot be had costs the other its place for nothing
            model = marian.build(folder, monitor)
        except (ModelError, HubBusy) as error:
            self._failed[source] = (self._clock() + TRY_AGAIN_S, error.message)
            raise
        self._failed.pop(source, None)
        log.info("loaded %s in %.1f s", _name_of(source), self._clock() - began)
        return model


def _is_foreign(found: frozenset[str], languages: Collection[str]) -> bool:
    """Whether a text in one of the languages `found` is surely not for a model that reads `languages`."""
    if found == {UNKNOWN}:
        return len(languages) == 1
    return bool(found) and found.isdisjoint(languages)


def _name_of(source: str) -> str:
    """A hub id, or the last part of a folder's path: clients may see it."""
    return Path(source).name if Path(source).is_dir() else source
