"""Captions: what a song holds, said in several languages, and what each wording lets a listener expect.

A caption says what is heard; of what is not, it says at most that there are no drums. Pitched instrument and drums are
always named (a genre may name them: "techno" has a synth and drums), so that what goes unmentioned is absent; bass,
tempo and mode may be left open. Where neither is named the piece has those of the default song, and text that holds
nothing known, in any script and of any length, stands for the default song itself.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from training.captions.chinese import CHINESE
from training.captions.english import ENGLISH
from training.captions.french import FRENCH
from training.captions.german import GERMAN
from training.captions.japanese import JAPANESE
from training.captions.language import Language, adjective, noun, words
from training.captions.meaning import CHOICES, GENRES, OPEN, Caption, Meaning, meaning_of
from training.captions.portuguese import PORTUGUESE
from training.captions.spanish import SPANISH
from training.captions.writer import Spoken, Writer, tidy
from training.corpus import DEFAULT_SONG, Song

__all__ = ["CHOICES", "LANGUAGES", "OPEN", "Caption", "Meaning", "describe", "gibberish", "meaning_of", "plain_request"]

LANGUAGES: Final = {
    language.code: language for language in (ENGLISH, FRENCH, CHINESE, SPANISH, GERMAN, JAPANESE, PORTUGUESE)
}
_SHARES: Final = {"en": 0.28, "fr": 0.16, "zh": 0.2, "es": 0.09, "de": 0.09, "ja": 0.09, "pt": 0.09}
_SYLLABLES: Final = words(
    "ba, de, ki, lo, mu, ra, shi, tor, ven, zu, an, el, ix, om, ur, qua, pli, sta, gre, tho, ny, fe, wo, ja, hu, cy"
)
_SCRIPTS: Final = (  # ideographs (three times as likely), kana, Hangul, Cyrillic, Greek, Arabic, signs
    *((0x4E00, 0x9FFF),) * 3,
    *((0x3041, 0x30FF), (0xAC00, 0xD7A3), (0x410, 0x44F), (0x391, 0x3C9), (0x620, 0x64A), (0x1F300, 0x1F5FF)),
)


def describe(song: Song, rng: np.random.Generator, language: str | None = None) -> Caption:
    """A caption of the song, in a language drawn at random unless one is named.

    The default song is at times given a text that means nothing.
    """
    own = LANGUAGES[language or str(rng.choice(list(_SHARES), p=list(_SHARES.values())))]
    truth = meaning_of(song)
    is_default_band = (song.family, song.drums, song.bass) == ("piano", True, True)
    if replace(song, tonic=0, texture="arpeggio", melody=True) == DEFAULT_SONG and rng.random() < 0.4:
        return Caption(gibberish(rng, own.code), truth)
    genre, spoken = _choose_genre(truth, rng) if rng.random() < 0.35 else (None, Spoken())
    known = GENRES[genre] if genre else {}
    nameless = is_default_band and not genre and rng.random() < 0.15
    meaning = replace(
        truth,
        tempo=truth.tempo if "tempo" in known or rng.random() < 0.8 else OPEN,
        mode=truth.mode if "mode" in known or rng.random() < 0.8 else OPEN,
        bass=truth.bass if "bass" in known or nameless or rng.random() < 0.75 else OPEN,
    )
    if nameless:
        spoken = Spoken(family=False, drums=False, bass=False)
    elif spoken.drums and truth.drums == "no" and known.get("drums") != "yes":
        spoken = replace(spoken, drums=rng.random() < 0.15)  # that there are none mostly goes without saying
    other = LANGUAGES[str(rng.choice(list(LANGUAGES)))] if rng.random() < 0.08 and not language else own
    writer = Writer(own, other, meaning, genre, spoken, rng)
    text = writer.tags() if other is not own or rng.random() < 0.4 else writer.sentence()
    return Caption(_decorate(text, own, rng), meaning)


def plain_request(song: Song, language: str) -> str:
    """The plainest way to ask for the song: `fast sad piano with drums, in a minor key`."""
    own = LANGUAGES[language]
    assert song.family is not None
    instrument = own.instruments[song.family][0]
    company = own.company[0].format(noun(own.drums[0], 0)) if song.drums else ""
    return tidy(
        own.request.format(
            tempo=adjective(own.tempo[song.tempo][0], own.request_form),
            mode=adjective(own.mode[song.mode][0], own.request_form),
            instrument=noun(instrument, 0),
            company=company,
            key=own.mode_phrases[song.mode][0],
        )
    )


def gibberish(rng: np.random.Generator, language: str = "en") -> str:
    """Text that means nothing here: unknown words, other scripts, from one word to some hundred."""
    own = LANGUAGES[language]
    length = int(rng.integers(1, 12)) if rng.random() < 0.9 else int(rng.integers(60, 200))
    if rng.random() < 0.25:
        return _signs(length, rng) + "，。 "[rng.integers(3)]
    return own.space.join(_filler_word(own, rng) for _ in range(length))


def _choose_genre(meaning: Meaning, rng: np.random.Generator) -> tuple[str | None, Spoken]:
    """A genre of the song, and what must be said beside it: all that differs, and of the rest what chance names.

    A genre that differs in one point will do where the caption can say so: "techno with a flute", "jazz without drums".
    """
    fitting = []
    for genre, implied in GENRES.items():
        against = {name for name, value in implied.items() if getattr(meaning, name) != value}
        deniable = {"family", "drums", "tempo", "mode"} if meaning.family != "none" else set()
        if not against or (len(against) == 1 and against <= deniable and rng.random() < 0.2):
            fitting.append((genre, against))
    if not fitting:
        return None, Spoken()
    genre, against = fitting[rng.integers(len(fitting))]
    implied = GENRES[genre]
    brief = rng.random() < 0.6  # the genre may speak for what it implies
    said = {name: name in against or not (brief and name in implied) for name in CHOICES}
    return genre, Spoken(**said)


def _filler_word(language: Language, rng: np.random.Generator) -> str:
    if rng.random() < (0.5 if language.space else 0.8):
        return str(rng.choice(language.fillers))
    if language.space:
        return "".join(rng.choice(_SYLLABLES, size=int(rng.integers(2, 5))))
    return "".join(rng.permutation(list("".join(rng.choice(language.fillers, size=2)))))[: int(rng.integers(1, 4))]


def _decorate(text: str, language: Language, rng: np.random.Generator) -> str:
    """Sometimes a request around it, a full stop, capitals, or words and signs that mean nothing."""
    kind = rng.random()
    if kind < 0.2:
        text = str(rng.choice(language.asks)).format(text)
        text += language.stop if rng.random() < 0.5 else ""
    elif kind < 0.5:
        before, after = (int(count) for count in rng.integers(0, 7 if kind < 0.47 else 20, size=2))
        gap = language.space or str(rng.choice(["，", "", "", " "]))
        text = gap.join(
            [
                *(_filler_word(language, rng) for _ in range(before)),
                text,
                *(_filler_word(language, rng) for _ in range(after)),
            ]
        )
    if rng.random() < 0.1:  # what no caption uses means nothing: it does not make a request the default one
        signs = _signs(int(rng.integers(1, 4)), rng)
        text = f"{text} {signs}" if rng.random() < 0.7 else f"{signs} {text}"
    return text.capitalize() if rng.random() < 0.1 else text


def _signs(count: int, rng: np.random.Generator) -> str:
    low, high = _SCRIPTS[rng.integers(len(_SCRIPTS))]
    return "".join(chr(int(rng.integers(low, high))) for _ in range(count))
