"""Captions: they say what is heard, and never what is not."""

import numpy as np
import pytest

from training import captions, corpus
from training.captions import CHOICES, OPEN
from training.corpus import DEFAULT_SONG, Song


def _many(song: Song, count: int = 300) -> list[captions.Caption]:
    rng = np.random.default_rng(1)
    return [captions.describe(song, rng) for _ in range(count)]


def _songs(count: int) -> list[Song]:
    rng = np.random.default_rng(2)
    return [corpus.draw(rng) for _ in range(count)]


def test_wordings_differ() -> None:
    texts = {caption.text for caption in _many(Song("flute", drums=True, bass=True, tempo="fast", mode="minor"))}
    assert len(texts) > 280


def test_no_caption_speaks_of_what_is_missing() -> None:
    for song in _songs(1500):
        words = captions.describe(song, np.random.default_rng(3)).text.replace(",", " ").split()
        assert not {"no", "without", "not", "none"} & set(words)


@pytest.mark.parametrize("song", _songs(40))
def test_a_meaning_never_contradicts_its_song(song: Song) -> None:
    truth = captions.meaning_of(song)
    for caption in _many(song, 30):
        for attribute in CHOICES:
            assert getattr(caption.meaning, attribute) in (getattr(truth, attribute), OPEN)


def test_instrument_and_drums_are_never_left_open() -> None:
    for song in _songs(300):
        meaning = captions.describe(song, np.random.default_rng(4)).meaning
        assert meaning.family != OPEN
        assert meaning.drums != OPEN


def test_other_tempi_are_never_named() -> None:
    slow = {"slow", "calm", "relaxing", "gentle", "peaceful", "downtempo"}
    for caption in _many(Song("synth", drums=True, bass=False, tempo="fast", mode="major")):
        assert not slow & set(caption.text.replace(",", " ").replace(".", " ").split())


def test_gibberish_holds_no_known_word() -> None:
    known = {
        "piano",
        "guitar",
        "strings",
        "flute",
        "bells",
        "synth",
        "drums",
        "bass",
        "slow",
        "fast",
        "happy",
        "sad",
    }
    rng = np.random.default_rng(5)
    texts = [captions.gibberish(rng) for _ in range(400)]
    assert not any(known & set(text.split()) for text in texts)
    assert any(not text.isascii() for text in texts)
    assert max(len(text.split()) for text in texts) > 60


def test_text_without_meaning_stands_for_the_default_song_only() -> None:
    fillers = set(captions._FILLER)
    for caption in _many(DEFAULT_SONG, 200):
        assert caption.meaning.family == "piano"
    texts = [caption.text for caption in _many(DEFAULT_SONG, 200)]
    assert any(not text.isascii() for text in texts)
    others = [caption.text for caption in _many(Song("flute", drums=False, bass=False, tempo="slow", mode="minor"))]
    assert all(text.isascii() and not set(text.split()) <= fillers for text in others)
