"""Words by which a description in Latin letters is told before any library is asked: the lists in words.txt.

A list of words is a poor judge of long texts, and a good one of short ones: "trap 808" or "slow sad piano" are too
short for statistics of letters.
"""

from __future__ import annotations

from pathlib import Path


def _sections() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    section: set[str] = set()
    for line in Path(__file__).with_name("words.txt").read_text("utf-8").splitlines():
        words = line.partition("#")[0].split()
        if words and words[0].startswith("["):
            section = found[words[0].strip("[]")] = set()
        else:
            section.update(words)
    return {name: frozenset(words) for name, words in found.items()}


def _by_word(languages: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for language, words in languages.items():
        for word in words:
            found.setdefault(word, set()).add(language)
    return {word: frozenset(some) for word, some in found.items()}


_lists = _sections()

MUSIC = _lists.pop("music")
"""Styles, instruments and the like. People write these in many languages, so they tell none."""
SHARED = MUSIC | _lists.pop("short")
"""And short words of several languages."""
ENGLISH = _lists.pop("en") - SHARED
"""Common in English descriptions of music, and rare or unknown in other languages with Latin letters."""
OF_LANGUAGE = {word: some for word, some in _by_word(_lists).items() if word not in SHARED | ENGLISH}
"""Words of other languages -> the languages that have them, as ISO 639-1 codes."""
