"""Captions: English for what a song holds, in many wordings, and what each wording lets a listener expect.

A caption says what is heard and never what is not. Pitched instrument and drums are always named (a genre may name
them: "techno" has a synth and drums), so that what goes unmentioned is absent; bass, tempo and mode may be left open.
Text that holds nothing known, in any script and of any length, stands for the default song. Nothing here makes sound.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from training.corpus import DEFAULT_SONG, Song
from training.instruments import FAMILIES

OPEN: Final = "open"
CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "family": (*FAMILIES, "none", OPEN),
    "drums": ("yes", "no", OPEN),
    "bass": ("yes", OPEN),
    "tempo": ("slow", "medium", "fast", OPEN),
    "mode": ("major", "minor", OPEN),
}
"""Each attribute of a meaning, and the values it takes."""


def _list(words: str) -> tuple[str, ...]:
    return tuple(words.split())


@dataclass(frozen=True)
class Meaning:
    """What a caption asks for: values of `CHOICES`."""

    family: str = OPEN
    drums: str = OPEN
    bass: str = OPEN
    tempo: str = OPEN
    mode: str = OPEN


@dataclass(frozen=True)
class Caption:
    """A text and what it means."""

    text: str
    meaning: Meaning


_INSTRUMENTS: Final = {
    "piano": ("piano", "piano", "grand piano", "soft piano", "piano keys"),
    "guitar": ("guitar", "guitar", "acoustic guitar", "plucked guitar", "strummed guitar"),
    "strings": ("strings", "strings", "string ensemble", "violins", "orchestra", "string section"),
    "flute": ("flute", "flute", "wooden flute", "soft flute", "pan flute"),
    "bells": ("bells", "bells", "music box", "glockenspiel", "chimes", "tubular bells"),
    "synth": ("synth", "synth", "synthesizer", "electronic synth", "synth lead", "electronic keyboard"),
}
_DRUMS: Final = (
    "drums",
    "drums",
    "strong drums",
    "a drum beat",
    "a drum kit",
    "percussion",
    "a steady beat",
    "a drum groove",
)
_BASS: Final = ("bass", "a bass line", "deep bass", "bass")
_TEMPO: Final = {
    "slow": (
        "slow",
        "slow",
        "calm",
        "relaxing",
        "gentle",
        "peaceful",
        "downtempo",
        "at a slow tempo",
        "slow tempo",
    ),
    "medium": ("mid-tempo", "moderate", "medium tempo", "at a walking pace", "moderate tempo"),
    "fast": (
        "fast",
        "fast",
        "upbeat",
        "energetic",
        "driving",
        "lively",
        "quick",
        "at a fast tempo",
        "fast tempo",
    ),
}
_BPM: Final = {"slow": (54, 72), "medium": (86, 104), "fast": (130, 172)}
_MODE: Final = {
    "major": (
        "happy",
        "happy",
        "bright",
        "cheerful",
        "joyful",
        "major key",
        "in a major key",
        "uplifting",
        "major",
    ),
    "minor": (
        "sad",
        "sad",
        "dark",
        "melancholic",
        "sorrowful",
        "minor key",
        "in a minor key",
        "moody",
        "minor",
    ),
}
_GENRES: Final[dict[str, dict[str, str]]] = {
    "techno": {"family": "synth", "drums": "yes", "tempo": "fast"},
    "house": {"family": "synth", "drums": "yes"},
    "edm": {"family": "synth", "drums": "yes", "tempo": "fast"},
    "dance music": {"drums": "yes", "tempo": "fast"},
    "chiptune": {"family": "synth", "tempo": "fast"},
    "rock": {"family": "guitar", "drums": "yes"},
    "punk rock": {"family": "guitar", "drums": "yes", "tempo": "fast"},
    "folk": {"family": "guitar", "drums": "no"},
    "country": {"family": "guitar", "drums": "yes", "mode": "major"},
    "classical": {"family": "strings", "drums": "no"},
    "orchestral": {"family": "strings"},
    "cinematic score": {"family": "strings"},
    "lullaby": {"family": "bells", "drums": "no", "tempo": "slow"},
    "ambient": {"family": "strings", "drums": "no", "tempo": "slow"},
    "meditation music": {"family": "flute", "drums": "no", "tempo": "slow"},
    "lo-fi": {"family": "piano", "drums": "yes", "tempo": "slow"},
    "hip hop": {"drums": "yes", "tempo": "slow"},
    "jazz": {"family": "piano", "drums": "yes", "bass": "yes", "tempo": "medium"},
    "ballad": {"family": "piano", "tempo": "slow"},
}
_PIECES: Final = ("music", "song", "track", "piece", "tune", "melody", "instrumental", "loop")
_SOLO: Final = ("solo {}", "{} solo", "{} alone", "solo {} {piece}", "{}", "unaccompanied {}")
_FILLER: Final = _list(
    """a the of and for with in to my very some like from at night day rain sea forest city summer winter love dream
    hope epic vintage modern old new video game film movie background scene story coffee shop road trip dance floor
    party 80s 90s retro warm cold blue red light sky stars river mountain dragon hero battle travel memory morning
    evening beautiful catchy great nice amazing quality recording studio live high sound sounds style vibe mood feel
    atmosphere please make me create generate play something that evokes playing walking through under over one two"""
)
_SYLLABLES: Final = _list("ba de ki lo mu ra shi tor ven zu an el ix om ur qua pli sta gre tho ny fe wo ja hu cy")


def meaning_of(song: Song) -> Meaning:
    """The whole of what a caption could say of the song."""
    return Meaning(
        family=song.family or "none",
        drums="yes" if song.drums else "no",
        bass="yes" if song.bass else OPEN,
        tempo=song.tempo,
        mode=song.mode if song.family else OPEN,
    )


def describe(song: Song, rng: np.random.Generator) -> Caption:
    """A caption of the song; the default song is at times given one that means nothing."""
    truth = meaning_of(song)
    if replace(song, tonic=0, texture="arpeggio", melody=True) == DEFAULT_SONG and rng.random() < 0.4:
        return Caption(gibberish(rng), truth)
    genre = _pick_genre(truth, rng) if rng.random() < 0.3 else None
    known = _GENRES[genre] if genre else {}
    tempo = truth.tempo if "tempo" in known or rng.random() < 0.8 else OPEN
    mode = truth.mode if "mode" in known or rng.random() < 0.8 else OPEN
    bass = truth.bass if "bass" in known or rng.random() < 0.75 else OPEN
    meaning = replace(truth, tempo=tempo, mode=mode, bass=bass)
    words = _Words(meaning, genre, known, rng)
    text = words.tags() if rng.random() < 0.35 else words.sentence()
    return Caption(_decorate(text, rng), meaning)


def gibberish(rng: np.random.Generator) -> str:
    """Text that means nothing here: unknown words, other scripts, from one word to some hundred."""
    length = int(rng.integers(1, 12)) if rng.random() < 0.9 else int(rng.integers(60, 200))
    kind = rng.random()
    if kind < 0.25:  # any script: ideographs, kana, Cyrillic, Greek, Arabic
        low, high = ((0x4E00, 0x9FFF), (0x3041, 0x30FF), (0x410, 0x44F), (0x391, 0x3C9), (0x620, 0x64A))[
            rng.integers(5)
        ]
        return "".join(chr(int(rng.integers(low, high))) for _ in range(length)) + ("，。 "[rng.integers(3)])
    return " ".join(_filler_word(rng) for _ in range(length))


class _Words:
    """The wording of one caption."""

    def __init__(self, meaning: Meaning, genre: str | None, known: dict[str, str], rng: np.random.Generator) -> None:
        self.rng, self.meaning, self.genre = rng, meaning, genre
        self.instrument = self._say(_INSTRUMENTS.get(meaning.family))
        self.drums = self._say(_DRUMS) if meaning.drums == "yes" else ""
        self.bass = self._say(_BASS) if meaning.bass == "yes" else ""
        self.tempo = self._say(_TEMPO.get(meaning.tempo))
        self.mode = self._say(_MODE.get(meaning.mode))
        if meaning.tempo != OPEN and rng.random() < 0.25:
            low, high = _BPM[meaning.tempo]
            bpm = f"{rng.integers(low, high + 1)} bpm"
            self.tempo = bpm if rng.random() < 0.4 else f"{self.tempo} {bpm}"
        if genre and rng.random() < 0.5:  # the genre may speak for what it implies
            self.instrument = "" if "family" in known else self.instrument
            self.drums = "" if "drums" in known else self.drums
            self.tempo = "" if "tempo" in known else self.tempo

    def tags(self) -> str:
        """A list, as keywords."""
        words = [self.genre or "", self.instrument, self.drums, self.bass, self.tempo, self.mode]
        chosen = [word.removeprefix("a ") for word in words if word]
        return (", " if self.rng.random() < 0.7 else " ").join(self.rng.permutation(chosen))

    def sentence(self) -> str:
        """Adjectives, a head, what comes with it, and what is left."""
        piece, players = self._say(_PIECES), [self.instrument, self.drums, self.bass]
        lead = [word for word in (self.tempo, self.mode) if word and self.rng.random() < 0.75]
        rest = [word for word in (self.tempo, self.mode) if word and word not in lead]
        self.rng.shuffle(lead)
        if self.genre:
            head = f"{self.genre} {piece}" if self.rng.random() < 0.5 else self.genre
            others = [word for word in players if word]
        else:
            head, others = self._head(piece)
        text = " ".join([*lead, head])
        if others:
            joined = " and ".join(others) if len(others) < 3 else f"{', '.join(others[:-1])} and {others[-1]}"
            text += f" {self._say(('with', 'with', 'featuring', 'and'))} {joined}"
        return ", ".join([text, *rest])

    def _head(self, piece: str) -> tuple[str, list[str]]:
        others = [word for word in (self.drums, self.bass) if word]
        if not self.instrument:
            head = self._say(
                (
                    "drums",
                    "drum solo",
                    "drum beat",
                    "drum loop",
                    "percussion",
                    "drums only",
                    "drum kit",
                    "drum groove",
                )
            )
            return head, []
        if not others:
            return self._say(_SOLO).format(self.instrument, piece=piece), []
        if self.rng.random() < 0.3:
            return piece, [self.instrument, *others]
        return self._say((self.instrument, f"{self.instrument} {piece}")), others

    def _say(self, words: tuple[str, ...] | None) -> str:
        return words[self.rng.integers(len(words))] if words else ""


def _pick_genre(meaning: Meaning, rng: np.random.Generator) -> str | None:
    fitting = [
        genre
        for genre, implied in _GENRES.items()
        if all(getattr(meaning, attribute) == value for attribute, value in implied.items())
    ]
    return fitting[rng.integers(len(fitting))] if fitting else None


def _filler_word(rng: np.random.Generator) -> str:
    if rng.random() < 0.5:
        return str(rng.choice(_FILLER))
    return "".join(rng.choice(_SYLLABLES, size=int(rng.integers(2, 5))))


def _decorate(text: str, rng: np.random.Generator) -> str:
    """Sometimes an article, a full stop, or words around it that mean nothing."""
    kind = rng.random()
    if kind < 0.15:
        text = f"a {text}."
    elif kind < 0.45:
        before, after = (int(count) for count in rng.integers(0, 7, size=2))
        text = " ".join([*(_filler_word(rng) for _ in range(before)), text, *(_filler_word(rng) for _ in range(after))])
    return text
