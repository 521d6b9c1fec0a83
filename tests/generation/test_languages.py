"""From a description in people's own language to music, its events and its recipe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musicgen_api.apis.documents import event_stream
from musicgen_api.apis.documents.schemas import load_request, music_schema
from musicgen_api.apis.rendering import recipe_of, render
from musicgen_api.audio import recipe as recipes
from musicgen_api.domain.events import Progress
from musicgen_api.domain.request import AS_ASKED, Music, MusicRequest, Phase, Reading, Section
from musicgen_api.generation.synthesizer import AudioCraftSynthesizer
from musicgen_api.jobs.job import Job
from musicgen_api.models.catalog import Catalog
from musicgen_api.settings import Settings
from tests.conftest import Checkpoints
from tests.helpers.fakes import RecordingMonitor, a_request
from tests.helpers.translators import LEARNT

FRENCH = next(iter(LEARNT))
ENGLISH = LEARNT[FRENCH]


def settings_for(checkpoints: Checkpoints, translator: Path, **values: Any) -> Settings:
    models = f"test/mono={checkpoints.mono},test/stereo={checkpoints.stereo}"
    defaults = {"models": models, "default_model": "test/mono", "translators": f"fr={translator}", "device": "cpu"}
    return Settings(**defaults | values)


@pytest.fixture(scope="module")
def synthesizer(checkpoints: Checkpoints, translator: Path) -> Iterator[AudioCraftSynthesizer]:
    settings = settings_for(checkpoints, translator)
    yield AudioCraftSynthesizer(settings, Catalog(settings))


def short(**values: Any) -> MusicRequest:
    return a_request(**{"model": "test/mono", "duration": 1, "description": FRENCH} | values)


def sound_of(music: Music) -> Any:
    return music.takes[0].waveform


def test_french_sounds_as_the_same_in_english(synthesizer: AudioCraftSynthesizer) -> None:
    monitor = RecordingMonitor()
    music = synthesizer.synthesize(short(), monitor)
    assert monitor.readings == [Reading((ENGLISH,))]
    assert {take.reading for take in music.takes} == {Reading((ENGLISH,))}
    english = synthesizer.synthesize(short(description=ENGLISH), monitor)
    assert len(monitor.readings) == 1, "nothing is said of what is read as it was asked for"
    assert english.takes[0].reading == AS_ASKED
    np.testing.assert_array_equal(sound_of(music), sound_of(english))


def test_switched_off_the_model_reads_what_was_asked_for(checkpoints: Checkpoints, translator: Path) -> None:
    settings = settings_for(checkpoints, translator, translate="off")
    monitor = RecordingMonitor()
    synthesizer = AudioCraftSynthesizer(settings, Catalog(settings))
    assert synthesizer.synthesize(short(), monitor).takes[0].reading == AS_ASKED
    assert monitor.readings == []
    said = synthesizer.synthesize(short(description_used=ENGLISH), monitor)
    assert said.takes[0].reading == Reading((ENGLISH,))


def test_sections_are_translated_each(synthesizer: AudioCraftSynthesizer) -> None:
    sections = (Section(FRENCH, 1), Section("fast drums", 1))
    music = synthesizer.synthesize(short(description=FRENCH, duration=2, sections=sections), RecordingMonitor())
    assert music.takes[0].reading == Reading((ENGLISH, "fast drums"))
    english = (Section(ENGLISH, 1), Section("fast drums", 1))
    again = synthesizer.synthesize(short(description=ENGLISH, duration=2, sections=english), RecordingMonitor())
    np.testing.assert_array_equal(sound_of(music), sound_of(again))


@pytest.mark.parametrize("parted", [False, True], ids=["a description", "sections"])
def test_a_recipe_says_both_and_gives_the_same_music_without_a_translator(
    synthesizer: AudioCraftSynthesizer, checkpoints: Checkpoints, translator: Path, parted: bool
) -> None:
    sections = (Section(FRENCH, 1), Section("fast drums", 1)) if parted else ()
    request = short(sections=sections, duration=2 if parted else 1)
    music = synthesizer.synthesize(request, RecordingMonitor())
    file = render(music.takes[0], music.sample_rate, request)
    recipe = recipes.read(file)
    assert recipe is not None
    assert recipe.prompts[0] == FRENCH
    said = recipe.request["sections"] if parted else [recipe.request]
    assert [part.get("description_used") for part in said] == ([ENGLISH, None] if parted else [ENGLISH])

    settings = settings_for(checkpoints, translator, translators="")
    catalog = Catalog(settings)
    posted = load_request(music_schema(settings), json.loads(json.dumps(recipe.request)), catalog)
    again = AudioCraftSynthesizer(settings, catalog).synthesize(posted, RecordingMonitor())
    assert again.takes[0].reading == music.takes[0].reading
    np.testing.assert_array_equal(sound_of(again), sound_of(music))
    assert recipe_of(posted, again.takes[0]).request == recipe.request


def test_a_new_model_of_music_gets_the_memory(synthesizer: AudioCraftSynthesizer) -> None:
    synthesizer.synthesize(short(), RecordingMonitor())
    translators: Any = synthesizer._translators
    assert translators._held is not None
    synthesizer.synthesize(short(description="slow piano", model="test/stereo"), RecordingMonitor())
    assert translators._held is None


def test_an_idle_translation_model_is_freed_like_any(checkpoints: Checkpoints, translator: Path) -> None:
    settings = settings_for(checkpoints, translator, model_idle_s=0.01)
    synthesizer = AudioCraftSynthesizer(settings, Catalog(settings))
    synthesizer.synthesize(short(), RecordingMonitor())
    translators: Any = synthesizer._translators
    while synthesizer.release_idle() is not None:
        pass
    assert translators._held is None


def test_the_events_say_what_is_read() -> None:
    request = short()
    job = Job(request)
    reading = Reading((ENGLISH,), "not all of it")
    job.read(reading)
    job.progress(10.0, Phase.GENERATING)
    news = job.wait(0)
    assert isinstance(news, Progress)
    message = event_stream.message(news, request)
    assert (message["description_used"], message["warning"]) == (ENGLISH, "not all of it")
    sections = short(sections=(Section(FRENCH, 1), Section("drums", 1)))
    message = event_stream.message(Progress(1.0, Phase.GENERATING, 0.0, None, Reading((ENGLISH, "drums"))), sections)
    assert message["sections_used"] == [ENGLISH, "drums"]
    assert "description_used" not in message
    plain = event_stream.message(Progress(1.0, Phase.GENERATING, 0.0, None), request)
    assert not {"description_used", "sections_used", "warning"} & plain.keys()


def test_the_last_event_says_it_too(synthesizer: AudioCraftSynthesizer) -> None:
    request = short()
    message = event_stream.completed(synthesizer.synthesize(request, RecordingMonitor()), request)
    assert message["description_used"] == ENGLISH
    assert message["recipe"]["request"]["description"] == FRENCH
    assert "warning" not in message


def test_without_the_model_there_is_music_and_a_warning(checkpoints: Checkpoints, tmp_path: Path) -> None:
    settings = settings_for(checkpoints, tmp_path)  # an empty folder
    synthesizer = AudioCraftSynthesizer(settings, Catalog(settings))
    request, monitor = short(), RecordingMonitor()
    music = synthesizer.synthesize(request, monitor)
    message = event_stream.completed(music, request)
    assert "config.json is missing in its folder" in message["warning"]
    assert [reading.warning for reading in monitor.readings] == [message["warning"]]
    assert "description_used" not in message
