"""What a model of music is given to read, with a tiny translation model on a hub of ours or in a folder."""

from __future__ import annotations

import gc
import logging
import shutil
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import close_session, constants

from musicgen_api.domain.errors import Cancelled
from musicgen_api.domain.request import AS_ASKED, Reading, Section
from musicgen_api.translation import marian
from musicgen_api.translation.translator import MODELS, TRY_AGAIN_S, Translators
from tests.helpers.fakes import RecordingMonitor
from tests.helpers.hub import Hub
from tests.helpers.translators import LEARNT

FRENCH, CHINESE = list(LEARNT)[:2]
FR_EN = MODELS["fr"]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def translators(translator: Path, clock: Clock) -> Translators:
    """Both languages by the same folder."""
    return Translators({"fr": str(translator), "zh": str(translator)}, idle_s=60.0, clock=clock)


@pytest.fixture
def online(translator: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has the French model, to which this process's client is sent, with an empty cache."""
    with Hub({FR_EN: translator}) as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        close_session()
        yield hub
        close_session()


def read(
    translators: Translators, *texts: str, languages: tuple[str, ...] = ("en",), stop_at: int | None = None
) -> Reading:
    return translators.read([Section(text, 1) for text in texts], languages, RecordingMonitor(stop_at))


def in_memory() -> list[weakref.ref[Any]]:
    gc.collect()
    return [weakref.ref(thing) for thing in gc.get_objects() if type(thing) is marian.Marian]


def test_what_the_model_does_not_read_is_translated(translators: Translators) -> None:
    assert read(translators, FRENCH) == Reading((LEARNT[FRENCH],))
    assert read(translators, FRENCH, "slow sad piano", CHINESE) == Reading(
        (LEARNT[FRENCH], "slow sad piano", LEARNT[CHINESE])
    )


def test_what_the_model_reads_is_left_alone_and_loads_nothing(translators: Translators) -> None:
    assert read(translators, "slow sad piano", "techno 808", "🎸") == AS_ASKED
    assert read(translators, FRENCH, CHINESE, "guitarra alegre", languages=("en", "fr", "zh", "es")) == AS_ASKED
    assert translators.release_idle() is None, "a model is held"


def test_a_translation_that_came_with_the_request_is_read_as_it_is(translators: Translators) -> None:
    parts = [Section(FRENCH, 1, "a loud guitar"), Section("slow sad piano", 1)]
    assert translators.read(parts, ("en",), RecordingMonitor()) == Reading(("a loud guitar", "slow sad piano"))
    assert translators.release_idle() is None, "a model is held"


def test_all_other_languages_have_one_model(translator: Path, clock: Clock) -> None:
    translators = Translators({"mul": str(translator)}, clock=clock)
    assert translators._source_for(frozenset({"it"})) == str(translator)
    assert translators._source_for(frozenset({"es", "pt"})) == str(translator)
    assert translators._source_for(frozenset({"fr"})) == FR_EN


def test_a_model_is_downloaded_once_with_progress(online: Hub, clock: Clock) -> None:
    translators, monitor = Translators({}, clock=clock), RecordingMonitor()
    assert translators.read([Section(FRENCH, 1)], ("en",), monitor) == Reading((LEARNT[FRENCH],))
    assert {model for model, _, _ in monitor.downloads} == {FR_EN}
    assert monitor.downloads[-1][1] == monitor.downloads[-1][2] > 100_000
    asked = len(online.requests)
    translators.release()
    assert read(translators, FRENCH).descriptions == (LEARNT[FRENCH],)
    assert len(online.requests) == asked


def test_a_download_can_be_cancelled(online: Hub, clock: Clock) -> None:
    online.bytes_per_second = 50_000

    class Leaving(RecordingMonitor):
        def check(self) -> None:
            if self.downloads and self.downloads[-1][1] > 1000:
                raise Cancelled("The client has left.")

    translators = Translators({}, clock=clock)
    with pytest.raises(Cancelled):
        translators.read([Section(FRENCH, 1)], ("en",), Leaving())
    online.bytes_per_second = None
    assert read(translators, FRENCH) == Reading((LEARNT[FRENCH],)), "a cancelled load is remembered as a failure"


def test_each_check_may_be_the_last(translators: Translators) -> None:
    counting = RecordingMonitor()
    translators.read([Section(FRENCH, 1)], ("en",), counting)
    for step in (1, 2, 3, counting.checks // 2, counting.checks):
        translators.release()
        with pytest.raises(Cancelled):
            read(translators, FRENCH, stop_at=step)
    assert read(translators, FRENCH) == Reading((LEARNT[FRENCH],))


def test_offline_it_goes_on_with_the_original_and_says_so(
    clock: Clock, caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with caplog.at_level(logging.WARNING):
        reading = read(Translators({}, clock=clock), FRENCH, "slow sad piano")
    assert reading.descriptions == ()
    assert reading.warning is not None
    assert f"{FR_EN} could not be loaded: " in reading.warning
    assert "HF_HUB_OFFLINE switches the hub off." in reading.warning
    assert "a description is not translated: " in caplog.text
    assert FRENCH not in caplog.text, "the log repeats what clients write"


def test_a_silent_hub_is_not_waited_for_by_each_request(online: Hub, clock: Clock) -> None:
    translators = Translators({}, clock=clock)
    online.stop()
    first = read(translators, FRENCH)
    assert first.warning is not None
    online.start()
    asked = len(online.requests)
    assert read(translators, FRENCH) == first
    assert len(online.requests) == asked
    clock.now += TRY_AGAIN_S + 1
    assert read(translators, FRENCH) == Reading((LEARNT[FRENCH],))


def test_one_language_s_failure_leaves_the_others_translated(translator: Path, tmp_path: Path, clock: Clock) -> None:
    damaged = shutil.copytree(translator, tmp_path / "damaged")
    (damaged / "vocab.json").write_text("{")
    reading = read(Translators({"fr": str(damaged), "zh": str(translator)}, clock=clock), FRENCH, CHINESE)
    assert reading.descriptions == (FRENCH, LEARNT[CHINESE])
    assert reading.warning is not None
    assert "damaged could not be loaded: vocab.json is not valid JSON" in reading.warning
    assert str(tmp_path) not in reading.warning


@pytest.mark.parametrize("where", ["build", "translate"])
def test_out_of_memory_frees_the_model_and_goes_on(
    translators: Translators, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def fail(*arguments: object) -> None:
        raise torch.OutOfMemoryError("DefaultCPUAllocator: can't allocate memory")

    owner: Any = marian if where == "build" else marian.Marian
    with monkeypatch.context() as patch:
        patch.setattr(owner, where, fail)
        reading = read(translators, FRENCH)
    assert reading.descriptions == ()
    assert "Out of memory while translating" in str(reading.warning)
    assert translators.release_idle() is None, "a model is held"
    assert read(translators, FRENCH) == Reading((LEARNT[FRENCH],))


def test_a_model_that_cannot_be_had_leaves_the_other_its_place(translator: Path, tmp_path: Path, clock: Clock) -> None:
    translators = Translators({"fr": str(translator), "zh": str(tmp_path)}, clock=clock)
    read(translators, FRENCH)
    held = in_memory()
    assert read(translators, CHINESE).warning
    assert all(model() for model in held)


def test_a_text_in_no_known_language_is_left_to_a_model_of_many(translators: Translators) -> None:
    unknown = "சோகமான பியானோ"
    assert read(translators, unknown, languages=("en", "fr")) == AS_ASKED
    assert read(translators, unknown).warning


def test_an_empty_translation_leaves_the_original(translators: Translators, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marian.Marian, "translate", lambda self, texts, check: ["" for _ in texts])
    assert read(translators, FRENCH) == AS_ASKED


@pytest.mark.parametrize(
    "free", [lambda translators, clock: translators.release(), lambda translators, clock: translators.release_idle()]
)
def test_the_memory_is_given_back(
    translators: Translators, clock: Clock, free: Callable[[Translators, Clock], object]
) -> None:
    read(translators, FRENCH)
    assert translators.release_idle() == pytest.approx(60.0)
    held = in_memory()
    assert held
    clock.now += 61
    free(translators, clock)
    gc.collect()
    assert not any(model() for model in held)


def test_another_language_s_model_takes_the_place_of_the_first(translator: Path, tmp_path: Path, clock: Clock) -> None:
    other = shutil.copytree(translator, tmp_path / "other")
    translators = Translators({"fr": str(translator), "zh": str(other)}, clock=clock)
    before = len(in_memory())
    read(translators, FRENCH, CHINESE)
    assert len(in_memory()) == before + 1
