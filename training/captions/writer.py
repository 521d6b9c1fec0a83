"""Puts a meaning into the words of a language: tag lists and sentences."""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from training.captions.language import Language, Words, adjective, noun
from training.captions.meaning import BEATS_PER_MINUTE, OPEN, Meaning

_PLAINEST: Final = 0.3  # how often a list's first word is said, beside its equal share


@dataclass(frozen=True)
class Spoken:
    """Which attributes a caption is to put into words; what the genre implies may stay unsaid."""

    family: bool = True
    drums: bool = True
    bass: bool = True
    tempo: bool = True
    mode: bool = True


@dataclass(frozen=True)
class Writer:
    """The wording of one caption, in `language`; among its tags stand words of `other`, which may be the same."""

    language: Language
    other: Language
    meaning: Meaning
    genre: str | None
    spoken: Spoken
    rng: np.random.Generator

    def tags(self) -> str:
        """A list, as keywords: the plain form of each word, in any order."""
        meaning, spoken, parts = self.meaning, self.spoken, []
        if self.genre:
            parts.append(self._say(self._either().genres[self.genre]))
        if spoken.family and meaning.family != "none":
            parts.append(self._say(self._either().instruments[meaning.family]))
        if meaning.drums == "yes" and (spoken.drums or meaning.family == "none"):
            parts.append(self._say(self._either().drums))
        elif meaning.drums == "no" and spoken.drums:
            parts.append(self._denial(self._either()))
        if meaning.bass == "yes" and spoken.bass:
            parts.append(self._say(self._either().bass))
        parts += [part for part in (self._tempo(self._either()), self._mode(self._either())) if part]
        words = [noun(part, 0) for part in parts] or [self._piece()[0]]
        commas = self.language.commas if self.language is self.other else (", ", " ")
        return str(self.rng.choice(commas)).join(self.rng.permutation(words))

    def sentence(self) -> str:
        """Adjectives, a head, what comes with it, and what is left."""
        language = self.language
        head, form, players = self._head(self._players())
        before, company = self._company(players)
        adjectives, rest = self._qualities(form)
        if self.meaning.drums == "no" and self.spoken.drums:
            rest.append(self._denial(language))
        self.rng.shuffle(adjectives)
        self.rng.shuffle(rest)
        return tidy(
            self._say(language.sentences).format(
                before=before,
                adjectives=str(self.rng.choice(language.adjective_commas)).join(adjectives),
                head=head,
                company=company,
                rest=language.commas[0].join(rest),
            )
        )

    def _qualities(self, form: int) -> tuple[list[str], list[str]]:
        """Tempo and mode, as adjectives in that form or as what stands apart."""
        language, adjectives, rest = self.language, [], []
        for attribute, words, phrases in (
            ("tempo", language.tempo, language.tempo_phrases),
            ("mode", language.mode, language.mode_phrases),
        ):
            value = getattr(self.meaning, attribute)
            if value == OPEN or not getattr(self.spoken, attribute):
                continue
            kind = self.rng.random()
            if kind < 0.18:
                rest.append(self._say(phrases[value]))
            else:
                (rest if kind < 0.3 else adjectives).append(adjective(self._say(words[value]), form))
        if self.meaning.tempo != OPEN and self.spoken.tempo and self.rng.random() < 0.2:
            rest.append(self._beats(language))
        return adjectives, rest

    def _players(self) -> list[str]:
        """Instrument, drums and bass that are to be named, as nouns with all their forms."""
        language, meaning, spoken = self.language, self.meaning, self.spoken
        players = []
        if spoken.family and meaning.family != "none":
            players.append(self._say(language.instruments[meaning.family]))
        if spoken.drums and meaning.drums == "yes" and meaning.family != "none":
            players.append(self._say(language.drums))
        if spoken.bass and meaning.bass == "yes":
            players.append(self._say(language.bass))
        return players

    def _head(self, players: list[str]) -> tuple[str, int, list[str]]:
        """What the caption is about, the form of its adjectives, and the players that remain to be named."""
        language = self.language
        piece, form = self._piece()
        if self.genre:
            genre = self._say(language.genres[self.genre])
            return self._say(language.genre_heads).format(genre=genre, piece=piece), form, players
        if self.meaning.family == "none":
            return self._say(language.drum_heads), form, players
        if not (self.spoken.family and players):
            return piece, form, players
        if len(players) == 1 and self.rng.random() < 0.5:
            return self._say(language.solos).format(noun(players[0], 0)), form, []
        if self.rng.random() < 0.25:
            return piece, form, players
        heads = language.heads
        if " " in noun(players[0], 2):  # two words make no compound
            heads = tuple(head for head in heads if "{compound}" not in head)
        head = self._say(heads).format(
            instrument=noun(players[0], 0),
            with_instrument=noun(players[0], 1),
            compound=noun(players[0], 2),
            piece=piece,
            low_piece=piece.lower(),
        )
        return head, form, players[1:]

    def _company(self, players: list[str]) -> tuple[str, str]:
        """The players, before the head or after it."""
        if not players:
            return "", ""
        named = [noun(player, 1) for player in players]
        and_ = str(self.rng.choice(self.language.and_))
        joined = named[0] if len(named) == 1 else self.language.commas[0].join(named[:-1]) + and_ + named[-1]
        if self.language.before and self.rng.random() < 0.4:
            return self._say(self.language.before).format(joined), ""
        return "", self._say(self.language.company).format(joined)

    def _piece(self) -> tuple[str, int]:
        """A word for a piece of music, and the form of its adjectives."""
        pairs = [(piece, form) for form, pieces in self.language.pieces.items() for piece in pieces]
        return pairs[self.rng.integers(len(pairs))]

    def _tempo(self, language: Language) -> str:
        value = self.meaning.tempo
        if value == OPEN or not self.spoken.tempo:
            return ""
        kind = self.rng.random()
        if kind < 0.15:
            return self._beats(language)
        return self._say((language.tempo_phrases if kind < 0.35 else language.tempo)[value])

    def _mode(self, language: Language) -> str:
        value = self.meaning.mode
        if value == OPEN or not self.spoken.mode:
            return ""
        return self._say((language.mode_phrases if self.rng.random() < 0.3 else language.mode)[value])

    def _beats(self, language: Language) -> str:
        low, high = BEATS_PER_MINUTE[self.meaning.tempo]
        return self._say(language.beats).format(self.rng.integers(low, high + 1))

    def _denial(self, language: Language) -> str:
        return self._say(language.without).format(self._say(language.plain_drums))

    def _either(self) -> Language:
        return self.language if self.rng.random() < 0.5 else self.other

    def _say(self, words: Words) -> str:
        return words[0] if self.rng.random() < _PLAINEST else words[self.rng.integers(len(words))]


def tidy(text: str) -> str:
    """A sentence without the gaps and commas of what was left out."""
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r" ?([,，、])(?: ?[,，、])+", r"\1", text)
    text = re.sub(r" ([,，、])", r"\1", text)
    return text.strip(" ,，、")
