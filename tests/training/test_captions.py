"""Captions: they say what is heard, in every language, and of what is not heard at most that there are no drums."""

import itertools
import re

import numpy as np
import pytest

from training import captions, corpus
from training.captions import CHOICES, GENRES, LANGUAGES, OPEN
from training.captions.language import Language, adjective, noun, words
from training.captions.writer import tidy
from training.corpus import DEFAULT_SONG, Song

every_language = pytest.mark.parametrize("code", LANGUAGES)

FAST = Song("synth", drums=True, bass=False, tempo="fast", mode="major")


def _many(song: Song, code: str | None = None, count: int = 300) -> list[captions.Caption]:
    rng = np.random.default_rng(1)
    return [captions.describe(song, rng, code) for _ in range(count)]


def _songs(count: int) -> list[Song]:
    rng = np.random.default_rng(2)
    return [corpus.draw(rng) for _ in range(count)]


def _says(text: str, word: str, language: Language) -> bool:
    """Does the text hold the word? Where words have no spaces between them, anywhere."""
    pattern = re.escape(word.lower())
    return re.search(rf"(?<!\w){pattern}(?!\w)" if language.space else pattern, text.lower()) is not None


def _forms(entries: tuple[str, ...]) -> set[str]:
    return {form for entry in entries for form in entry.split("/")}


@every_language
def test_a_language_has_words_for_everything(code: str) -> None:
    language = LANGUAGES[code]
    assert language.genres.keys() == GENRES.keys()
    assert language.instruments.keys() == set(corpus.FAMILIES)
    assert language.tempo.keys() == language.tempo_phrases.keys() == {"slow", "medium", "fast"}
    assert language.mode.keys() == language.mode_phrases.keys() == {"major", "minor"}
    lists = [*language.genres.values(), *language.instruments.values(), *language.tempo.values()]
    assert all(lists) and len(language.fillers) > 80


@every_language
def test_no_word_stands_for_two_things(code: str) -> None:
    language = LANGUAGES[code]
    values = {**language.tempo, **language.mode, **language.instruments, "drums": language.drums, "bass": language.bass}
    for (one, first), (other, second) in itertools.combinations(values.items(), 2):
        assert not _forms(first) & _forms(second), f"{one} and {other}"
        assert not _forms(first) & set(language.fillers), f"{one} means something"


@every_language
def test_wordings_differ(code: str) -> None:
    song = Song("flute", drums=True, bass=True, tempo="fast", mode="minor")
    assert len({caption.text for caption in _many(song, code)}) > 270


@every_language
def test_drums_are_denied_at_times_and_only_where_there_are_none(code: str) -> None:
    language = LANGUAGES[code]
    denials = [pattern.format(noun(drums, 0)) for pattern in language.without for drums in language.plain_drums]
    texts = [caption.text for caption in _many(Song("piano", drums=True, bass=True, tempo="slow", mode="minor"), code)]
    assert not any(_says(text, denial, language) for text in texts for denial in denials)
    texts = [
        caption.text for caption in _many(Song("piano", drums=False, bass=False, tempo="slow", mode="minor"), code)
    ]
    assert any(_says(text, denial, language) for text in texts for denial in denials)


@pytest.mark.parametrize("song", _songs(40))
def test_a_meaning_never_contradicts_its_song(song: Song) -> None:
    truth = captions.meaning_of(song)
    for caption in _many(song, count=30):
        for attribute in CHOICES:
            assert getattr(caption.meaning, attribute) in (getattr(truth, attribute), OPEN)


def test_instrument_and_drums_are_never_left_open() -> None:
    for song in _songs(300):
        meaning = captions.describe(song, np.random.default_rng(4)).meaning
        assert meaning.family != OPEN
        assert meaning.drums != OPEN


@every_language
def test_other_tempi_and_moods_are_never_named(code: str) -> None:
    language = LANGUAGES[code]
    wrong = [adjective(word, form) for word in (*language.tempo["slow"], *language.mode["minor"]) for form in range(4)]
    for caption in _many(FAST, code):
        assert not [word for word in wrong if _says(caption.text, word, language)], caption.text


@every_language
def test_what_is_asked_for_is_named_or_implied(code: str) -> None:
    """The tempo that a meaning holds is in the text: as a word, a phrase, a number or a genre."""
    language = LANGUAGES[code]
    known = _forms((*language.tempo["fast"], *language.tempo_phrases["fast"]))
    fast = {genre for genre, implied in GENRES.items() if implied.get("tempo") == "fast"}
    known |= {word for genre in fast for word in language.genres[genre]}
    for caption in _many(FAST, code):
        named = any(word.lower() in caption.text.lower() for word in known) or re.search(r"1[1-9]\d", caption.text)
        assert bool(named) or caption.meaning.tempo == OPEN, caption.text


@every_language
def test_text_without_meaning_holds_no_known_word(code: str) -> None:
    language = LANGUAGES[code]
    lists = [*language.instruments.values(), language.drums, language.bass]
    lists += [*language.tempo.values(), *language.mode.values(), *language.genres.values()]
    known = set().union(*map(_forms, lists))
    rng = np.random.default_rng(5)
    texts = [captions.gibberish(rng, code) for _ in range(400)]
    assert not [(word, text) for text in texts for word in known if _says(text, word, language)]
    assert any(not text.isascii() for text in texts)
    assert max(len(text) for text in texts) > 120


def test_text_without_meaning_stands_for_the_default_song_only() -> None:
    fillers = set(LANGUAGES["en"].fillers)
    captions_of_default = _many(DEFAULT_SONG, "en", 200)
    assert all(caption.meaning.family == "piano" for caption in captions_of_default)
    assert any(set(caption.text.split()) <= fillers for caption in captions_of_default)
    others = _many(Song("flute", drums=False, bass=False, tempo="slow", mode="minor"), "en")
    assert not any(set(caption.text.split()) <= fillers for caption in others)


def test_a_request_that_names_no_player_stands_for_those_of_the_default_song() -> None:
    players = [word for name in ("instruments",) for entry in getattr(LANGUAGES["en"], name).values() for word in entry]
    song = Song("piano", drums=True, bass=True, tempo="slow", mode="minor")
    nameless = [
        caption
        for caption in _many(song, "en", 600)
        if not any(_says(caption.text, word, LANGUAGES["en"]) for word in (*_forms(tuple(players)), "drums", "drum"))
        and any(_says(caption.text, word, LANGUAGES["en"]) for word in ("slow", "sad"))
    ]
    assert nameless


def test_languages_are_mixed_at_times() -> None:
    texts = [caption.text for caption in _many(FAST, count=2000)]
    assert any(re.search(r"[a-z]{4,}.*[一-龠]{2}", text) for text in texts), "Latin and Chinese in one caption"


@pytest.mark.parametrize(
    ("code", "text"),
    {
        "en": "fast sad flute with drums, in a minor key",
        "fr": "musique de flûte rapide et triste avec batterie, en mineur",
        "zh": "快速的悲伤的长笛曲，带有鼓，小调",
        "es": "música de flauta rápida y triste con batería, en tono menor",
        "de": "schnelle, traurige Musik für Flöte mit Schlagzeug, in Moll",
        "ja": "速い悲しいフルートの曲、ドラム付き、短調",
        "pt": "música de flauta rápida e triste com bateria, em tom menor",
    }.items(),
)
def test_the_plain_request_is_a_plain_sentence(code: str, text: str) -> None:
    song = Song("flute", drums=True, bass=False, tempo="fast", mode="minor")
    assert captions.plain_request(song, code) == text


def test_forms_of_words() -> None:
    assert words("a flute/the flute,\n  bells") == ("a flute/the flute", "bells")
    assert [adjective("lent/lente", form) for form in (0, 1, 2)] == ["lent", "lente", "lente"]
    assert [noun("Gitarre/einer Gitarre/Gitarren", form) for form in (0, 1, 2)] == [
        "Gitarre",
        "einer Gitarre",
        "Gitarren",
    ]
    assert noun("Bass", 2) == "Bass"


def test_what_is_left_out_leaves_no_gap() -> None:
    assert tidy(" slow  piano , , sad, ") == "slow piano, sad"
    assert tidy("的钢琴曲，，小调，") == "的钢琴曲，小调"
