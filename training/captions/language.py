"""What the grammar must know of a language: its words for every attribute, and how it puts them together.

A list of words is one string, `"guitar/a guitar, acoustic guitar"`. The first word of a list is the plainest and is
said most. A word may have several forms, parted by `/`:

- of an adjective, form 0 stands in lists; before or after a piece stands the form that the piece's number names
  (`pieces`): the genders of French, the attributive form of Chinese and Japanese;
- of a noun, form 0 stands in lists, form 1 in company ("with a guitar"), form 2 in compounds ("Gitarrenmusik").

A form that is missing is the last (adjectives) or the first one (nouns).
"""

from collections.abc import Mapping
from dataclasses import dataclass

Words = tuple[str, ...]


def words(text: str) -> Words:
    """A list of words from one string, in which commas part them."""
    return tuple(word.strip() for word in text.replace("\n", " ").split(",") if word.strip())


def adjective(word: str, form: int) -> str:
    """The form of an adjective, or its last one."""
    forms = word.split("/")
    return forms[min(form, len(forms) - 1)]


def noun(word: str, form: int) -> str:
    """The form of a noun, or its first one."""
    forms = word.split("/")
    return forms[form] if form < len(forms) else forms[0]


@dataclass(frozen=True)
class Language:
    """One language. In patterns, `{}` is what they are about; `{piece}` and `{instrument}` speak for themselves."""

    code: str  # ISO 639-1
    instruments: Mapping[str, Words]
    drums: Words
    plain_drums: Words  # for what is denied: "without drums"
    bass: Words
    tempo: Mapping[str, Words]  # adjectives
    tempo_phrases: Mapping[str, Words]  # what stands apart: "at a slow tempo"
    mode: Mapping[str, Words]
    mode_phrases: Mapping[str, Words]
    beats: Words  # "{} bpm"
    genres: Mapping[str, Words]  # the keys of `meaning.GENRES`
    pieces: Mapping[int, Words]  # words for a piece of music, by the form that their adjectives take
    heads: Words  # "{instrument} {piece}"; also {with_instrument}, {compound} and {low_piece}, in small letters
    genre_heads: Words  # "{genre} {piece}"
    solos: Words  # "{} solo"
    drum_heads: Words  # a piece of drums alone: "drum solo"
    company: Words  # "with {}"
    without: Words  # "without {}"
    sentences: Words  # the order of {before}, {adjectives}, {head}, {company} and {rest}
    asks: Words  # "please make {}"
    request: str  # the plainest order of {tempo}, {mode}, {instrument}, {company}, {key}; used to judge a model
    fillers: Words  # words that mean nothing here
    request_form: int = 1  # of its adjectives
    before: Words = ()  # company that stands before the head: "带有{}的"
    commas: Words = (", ", ", ", " ")
    adjective_commas: Words = (" ",)
    and_: Words = (" and ",)
    stop: str = "."
    space: str = " "
