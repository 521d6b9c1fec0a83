"""Which language a description is in, if it is in any.

In this order: the script; then words that many languages share, or that one has (`words`); then py3langid, a library
that carries its model with it. So "techno, 808, lo-fi" is in no language, and a short text is not left to statistics.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence, Set
from functools import cache, lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

from musicgen_api.translation.words import ENGLISH, MUSIC, OF_LANGUAGE, SHARED

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

log = logging.getLogger(__name__)

ENGLISH_CODE = "en"
UNKNOWN = "mul"
"""ISO 639-2: several languages. Said of a text that is not English and of which no more is known."""

_LATIN = (
    *("en", "fr", "de", "es", "pt", "it", "nl", "sv", "da", "no", "fi", "pl", "cs", "sk", "hu", "ro", "tr", "id", "vi"),
    *("ca", "hr", "sl", "et", "lv", "lt"),
)
"""What the library chooses from. With all of its 142 languages it finds rare ones in short texts."""

_OF_SCRIPT: dict[str, tuple[str, ...]] = {
    "HIRAGANA": ("ja",),
    "KATAKANA": ("ja",),
    "CJK": ("zh",),
    "HANGUL": ("ko",),
    "CYRILLIC": ("ru", "uk", "bg", "sr"),
    "ARABIC": ("ar", "fa", "ur"),
    "DEVANAGARI": ("hi", "mr", "ne"),
    "GREEK": ("el",),
    "HEBREW": ("he",),
    "THAI": ("th",),
}
"""Who writes in a script, by the first word of its letters' names in Unicode; the most usual language first."""

_KANA = ("HIRAGANA", "KATAKANA")
_WITHOUT_SPACES = (*_KANA, "CJK", "THAI")
_LETTERS_IN_A_WORD = 2
"""Of a script without spaces, on average."""

_LONG = 4
"""Words from which on the library is believed more easily. Names of people and places are shorter."""
_SURE, _SURE_IF_SHORT = 0.7, 0.9
_NOT_ENGLISH = 0.02
"""Probabilities by the library, which are calibrated for any length of text."""

_LETTERS = re.compile(r"[^\W\d_]+")


def languages_of(text: str) -> frozenset[str]:
    """The languages that `text` may be in, as ISO 639 codes. Empty: it is in none, or too short to tell.

    A few foreign names do not make an English text foreign: the majority of words decides, without those that belong to
    music. `{UNKNOWN}`: surely not English.
    """
    words = _words_by_script(text)
    latin = [word for word in words.pop("LATIN", []) if not _is_in(MUSIC, word)]
    weights = {script: _weight(script, found) for script, found in words.items()}
    if weights and sum(weights.values()) >= len(latin):
        return _of_script(weights, text)
    return _of_latin([word for word in latin if not _is_in(SHARED, word)])


def prepare() -> None:
    """Load the library now (half a second, 80 MB) rather than with the first text that needs it.

    If it cannot be loaded (it unpacks its model into a temporary file), the words alone decide.
    """
    _library()


def _words_by_script(text: str) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for letters in _LETTERS.findall(unicodedata.normalize("NFKC", text)):
        for script, part in groupby(letters, _script):
            found[script].append("".join(part))
    return found


@lru_cache(4096)
def _script(letter: str) -> str:
    return re.split("[ -]", unicodedata.name(letter, "?"))[0]


def _is_in(known: Set[str], word: str) -> bool:
    """Whether `word`, or what it is the plural of, is among the `known` ones. A single letter tells nothing."""
    word = word.lower()
    return len(word) == 1 or word in known or (word[-1] == "s" and word[:-1] in known)


def _weight(script: str, words: Sequence[str]) -> float:
    """How many words these are."""
    if script not in _WITHOUT_SPACES:
        return len(words)
    return sum(max(len(word) / _LETTERS_IN_A_WORD, 1) for word in words)


def _of_script(weights: dict[str, float], text: str) -> frozenset[str]:
    if any(script in weights for script in _KANA):  # Japanese has Chinese letters, too
        return frozenset({"ja"})
    usual, *others = _OF_SCRIPT.get(max(weights, key=lambda script: weights[script]), (UNKNOWN,))
    found = _probabilities(text) if others else {}
    usual = next((other for other in others if found.get(other, 0.0) >= _SURE), usual)
    return frozenset({usual})


def _of_latin(words: Sequence[str]) -> frozenset[str]:
    """The languages of a text in Latin letters, by its words that tell something."""
    if not words:
        return frozenset()
    english = sum(word.lower() in ENGLISH for word in words)
    if 2 * english >= len(words):
        return frozenset({ENGLISH_CODE})
    foreign = [OF_LANGUAGE[word.lower()] for word in words if word.lower() in OF_LANGUAGE]
    if len(foreign) > english:
        return _most_named(foreign)
    return _by_library(words)


def _most_named(candidates: Sequence[frozenset[str]]) -> frozenset[str]:
    votes = {language: sum(language in some for some in candidates) for language in frozenset().union(*candidates)}
    most = max(votes.values())
    return frozenset(language for language, count in votes.items() if count == most)


def _by_library(words: Sequence[str]) -> frozenset[str]:
    """What the library is sure of. Words with a capital each, and a single one that nobody knows, are mostly names."""
    if len(words) == 1 or all(word.istitle() for word in words):
        return frozenset()
    found = _probabilities(" ".join(words))
    if not found:
        return frozenset()
    best = max(found, key=found.__getitem__)
    if best == ENGLISH_CODE:
        return frozenset({ENGLISH_CODE})
    if found[best] >= (_SURE if len(words) >= _LONG else _SURE_IF_SHORT):
        return frozenset({best})
    return frozenset({UNKNOWN} if len(words) >= _LONG and found[ENGLISH_CODE] < _NOT_ENGLISH else ())


def _probabilities(text: str) -> dict[str, float]:
    library = _library()
    return dict(library.rank(text)) if library is not None else {}


@cache
def _library() -> LanguageIdentifier | None:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # here, with its model, which few texts need

    try:
        library = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    except OSError as error:
        log.warning("languages are told by words alone: py3langid cannot unpack its model (%s)", error.strerror)
        return None
    library.set_languages({*_LATIN, *(language for some in _OF_SCRIPT.values() for language in some)})
    return library
