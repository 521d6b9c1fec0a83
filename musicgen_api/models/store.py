"""Models in memory: loaded on the first request, freed when others need the room or nobody uses them."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torch

from musicgen_api.domain.request import Monitor
from musicgen_api.models.catalog import CatalogEntry
from musicgen_api.models.checkpoint import fetch
from musicgen_api.models.device import free_memory
from musicgen_api.models.loaded_model import LoadedModel
from musicgen_api.models.loading import BackendChoice, build_musicgen

log = logging.getLogger(__name__)


@dataclass
class _Held:
    model: LoadedModel
    used_at: float


class ModelStore:
    """At most `capacity` models, least recently used first out. For one thread.

    Args:
        choice: what generates with them.
        idle_s: models unused for this many seconds are freed by `release_idle`; 0 keeps them.
        on_change: called whenever other models are held.
        make_room: called before a model takes memory, for others to give theirs back.
    """

    def __init__(
        self,
        device: torch.device,
        *,
        capacity: int = 1,
        idle_s: float = 0.0,
        choice: BackendChoice | None = None,
        on_change: Callable[[], None] = lambda: None,
        make_room: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._device = device
        self._capacity = capacity
        self._idle_s = idle_s
        self._choice = choice
        self._on_change = on_change
        self._others_make_room = make_room
        self._clock = clock
        self._held: OrderedDict[str, _Held] = OrderedDict()

    def __contains__(self, entry: CatalogEntry) -> bool:
        return entry.id in self._held

    def get(self, entry: CatalogEntry, monitor: Monitor) -> LoadedModel:
        """The model of `entry`, loaded if it is not held.

        Its files are fetched and looked through first, and only then is room made: a model that cannot be had costs
        nobody theirs. Raises as `fetch` and `build_musicgen` do.
        """
        if entry.id not in self._held:
            began = self._clock()
            checkpoint = fetch(entry.id, entry.source, monitor)
            self._make_room()
            model = build_musicgen(entry.id, checkpoint, self._device, monitor, self._choice)
            self._held[entry.id] = _Held(model, self._clock())
            log.info("loaded %s on %s in %.1f s", entry.id, self._device, self._clock() - began)
            self._on_change()
        held = self._held[entry.id]
        held.used_at = self._clock()
        self._held.move_to_end(entry.id)
        return held.model

    def held(self) -> dict[str, LoadedModel]:
        """The models in memory, by id."""
        return {model_id: held.model for model_id, held in self._held.items()}

    def touch(self) -> None:
        """The most recently used model was in use until now."""
        if self._held:
            next(reversed(self._held.values())).used_at = self._clock()

    def release_idle(self) -> float | None:
        """Free models that were idle for too long. Returns the seconds until the next may be, or None."""
        if not self._idle_s:
            return None
        now = self._clock()
        for model_id in [id_ for id_, held in self._held.items() if now - held.used_at >= self._idle_s]:
            self._free(model_id)  # no variable here refers to the model: it must be gone when memory is given back
        oldest = min((held.used_at for held in self._held.values()), default=None)
        return None if oldest is None else max(oldest + self._idle_s - now, 0.01)

    def _make_room(self) -> None:
        self._others_make_room()
        while len(self._held) >= self._capacity:
            self._free(next(iter(self._held)))

    def _free(self, model_id: str) -> None:
        del self._held[model_id]
        free_memory()
        log.info("freed %s", model_id)
        self._on_change()
