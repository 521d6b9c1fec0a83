"""The order in which models come and go; the models themselves are stand-ins."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from musicgen_api.domain.errors import ModelDamaged, ModelOffline
from musicgen_api.domain.request import Monitor
from musicgen_api.models import store as model_store
from musicgen_api.models.catalog import CatalogEntry
from musicgen_api.models.store import ModelStore
from tests.helpers.fakes import RecordingMonitor

MONITOR = RecordingMonitor()


class Model:
    """Refers to itself, as modules with hooks do: only the garbage collector frees it."""

    def __init__(self) -> None:
        self.itself = self


class Loader:
    """Stands in for `fetch` and `build_musicgen`: remembers what was built, and how many models were alive then."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.alive_before: list[int] = []
        self.alive_while_fetching: list[int] = []
        self.fetching_fails: Exception | None = None
        self.building_fails: Exception | None = None
        self._models: list[weakref.ref[Model]] = []

    def fetch(self, model_id: str, source: str, monitor: Monitor) -> str:
        """Fetch the files of a model."""
        self.alive_while_fetching.append(self._alive())
        if self.fetching_fails is not None:
            raise self.fetching_fails
        return f"files of {source}"

    def build(self, model_id: str, checkpoint: str, device: torch.device, monitor: Monitor, choice: object) -> Model:
        """Build a model of its files."""
        assert checkpoint == f"files of {model_id}"
        self.alive_before.append(self._alive())
        if self.building_fails is not None:
            raise self.building_fails
        model = Model()
        self._models.append(weakref.ref(model))
        self.loaded.append(model_id)
        return model

    def _alive(self) -> int:
        return sum(model() is not None for model in self._models)


@pytest.fixture(autouse=True, scope="module")
def fast_collections() -> Iterator[None]:
    """Spare the garbage collector the hundred thousands of objects of torch."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> Loader:
    loader = Loader()
    monkeypatch.setattr(model_store, "fetch", loader.fetch)
    monkeypatch.setattr(model_store, "build_musicgen", loader.build)
    return loader


class Shop:
    """A store with a clock that the test moves, and a record of what it says it holds."""

    def __init__(self, **options: Any) -> None:
        self.now = 0.0
        self.changes: list[set[str]] = []
        self.store = ModelStore(
            torch.device("cpu"),
            on_change=lambda: self.changes.append(set(self.store.held())),
            clock=lambda: self.now,
            **options,
        )

    def use(self, model_ids: str) -> None:
        """Ask for models, one letter each."""
        for model_id in model_ids:
            self.store.get(an_entry(model_id), MONITOR)


def an_entry(model_id: str) -> CatalogEntry:
    return CatalogEntry(id=model_id, title=model_id, description="", channels=1, source=model_id)


def test_a_model_is_loaded_at_its_first_use_only(loader: Loader) -> None:
    shop = Shop()
    assert an_entry("a") not in shop.store
    first = shop.store.get(an_entry("a"), MONITOR)
    assert shop.store.get(an_entry("a"), MONITOR) is first
    assert an_entry("a") in shop.store
    assert loader.loaded == ["a"]


@pytest.mark.parametrize(
    ("capacity", "uses", "loaded"),
    [(1, "aba", "aba"), (2, "abab", "ab"), (2, "abca", "abca"), (2, "abacab", "abcb"), (3, "abcabc", "abc")],
)
def test_the_least_recently_used_model_makes_room(loader: Loader, capacity: int, uses: str, loaded: str) -> None:
    Shop(capacity=capacity).use(uses)
    assert "".join(loader.loaded) == loaded


@pytest.mark.parametrize("capacity", [1, 2])
def test_room_is_made_for_real_before_the_next_model_is_built(loader: Loader, capacity: int) -> None:
    Shop(capacity=capacity).use("abcd")
    assert loader.alive_before == [min(number, capacity - 1) for number in range(4)]


def test_it_says_what_it_holds_whenever_that_changes(loader: Loader) -> None:
    shop = Shop(capacity=2)
    shop.use("aabca")
    assert shop.changes == [{"a"}, {"a", "b"}, {"b"}, {"b", "c"}, {"c"}, {"c", "a"}]


def test_files_that_cannot_be_had_cost_nobody_their_model(loader: Loader) -> None:
    shop = Shop()
    shop.use("a")
    loader.fetching_fails = ModelOffline("No network.")
    with pytest.raises(ModelOffline):
        shop.use("b")
    assert loader.alive_while_fetching == [0, 1]
    assert shop.changes == [{"a"}]
    shop.use("a")
    assert loader.loaded == ["a"]


def test_a_model_that_cannot_be_built_leaves_the_room_free_and_may_be_tried_again(loader: Loader) -> None:
    shop = Shop()
    shop.use("a")
    loader.building_fails = ModelDamaged("A tensor too many.")
    with pytest.raises(ModelDamaged):
        shop.use("b")
    assert shop.changes[-1] == set()
    loader.building_fails = None
    shop.use("b")
    assert shop.changes[-1] == {"b"}


def test_without_an_idle_time_models_stay(loader: Loader) -> None:
    shop = Shop(idle_s=0)
    shop.use("a")
    shop.now = 1e9
    assert shop.store.release_idle() is None
    assert an_entry("a") in shop.store


def test_idle_models_are_freed_and_the_next_time_to_look_is_said(loader: Loader) -> None:
    shop = Shop(capacity=2, idle_s=60)
    assert shop.store.release_idle() is None
    shop.use("a")
    shop.now = 40
    shop.use("b")
    assert shop.store.release_idle() == pytest.approx(20)
    shop.now = 60
    assert shop.store.release_idle() == pytest.approx(40)
    assert shop.changes[-1] == {"b"}
    shop.now = 100
    assert shop.store.release_idle() is None
    assert shop.changes[-1] == set()
    shop.use("c")
    assert loader.alive_before[-1] == 0


def test_a_model_is_idle_from_the_end_of_its_last_job_on(loader: Loader) -> None:
    shop = Shop(idle_s=60)
    shop.use("a")
    shop.now = 300  # a job of five minutes
    shop.store.touch()
    assert shop.store.release_idle() == pytest.approx(60)
    assert an_entry("a") in shop.store


def test_the_end_of_a_job_whose_model_could_not_be_loaded_touches_nothing(loader: Loader) -> None:
    Shop().store.touch()
