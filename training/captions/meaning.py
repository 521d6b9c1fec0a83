"""What a caption can ask for, whatever its language. Nothing here knows words or makes sound."""

from dataclasses import dataclass
from typing import Final

from training.corpus import Song
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

GENRES: Final[dict[str, dict[str, str]]] = {
    "electronic": {"family": "synth"},
    "techno": {"family": "synth", "drums": "yes", "tempo": "fast"},
    "house": {"family": "synth", "drums": "yes"},
    "edm": {"family": "synth", "drums": "yes", "tempo": "fast"},
    "drum and bass": {"family": "synth", "drums": "yes", "bass": "yes", "tempo": "fast"},
    "disco": {"family": "synth", "drums": "yes", "bass": "yes", "tempo": "fast"},
    "synthwave": {"family": "synth", "drums": "yes"},
    "chiptune": {"family": "synth", "tempo": "fast"},
    "pop": {"family": "synth", "drums": "yes", "mode": "major"},
    "rock": {"family": "guitar", "drums": "yes"},
    "punk rock": {"family": "guitar", "drums": "yes", "tempo": "fast"},
    "metal": {"family": "guitar", "drums": "yes", "tempo": "fast", "mode": "minor"},
    "blues": {"family": "guitar", "drums": "yes", "tempo": "slow"},
    "funk": {"family": "guitar", "drums": "yes", "bass": "yes"},
    "reggae": {"family": "guitar", "drums": "yes", "bass": "yes", "tempo": "medium"},
    "folk": {"family": "guitar", "drums": "no"},
    "country": {"family": "guitar", "drums": "yes", "mode": "major"},
    "classical": {"family": "strings", "drums": "no"},
    "orchestral": {"family": "strings"},
    "cinematic": {"family": "strings"},
    "lullaby": {"family": "bells", "drums": "no", "tempo": "slow"},
    "ambient": {"family": "strings", "drums": "no", "tempo": "slow"},
    "meditation": {"family": "flute", "drums": "no", "tempo": "slow"},
    "lo-fi": {"family": "piano", "drums": "yes", "tempo": "slow"},
    "hip hop": {"family": "piano", "drums": "yes", "tempo": "slow"},
    "jazz": {"family": "piano", "drums": "yes", "bass": "yes", "tempo": "medium"},
    "ballad": {"family": "piano", "tempo": "slow"},
}
"""What each genre implies where the caption does not say otherwise."""

BEATS_PER_MINUTE: Final = {"slow": (40, 76), "medium": (77, 118), "fast": (119, 190)}
"""What is nearest to each of the corpus' tempi, 62.5, 93.75 and 150; both ends are meant."""


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


def meaning_of(song: Song) -> Meaning:
    """The whole of what a caption could say of the song."""
    return Meaning(
        family=song.family or "none",
        drums="yes" if song.drums else "no",
        bass="yes" if song.bass else OPEN,
        tempo=song.tempo,
        mode=song.mode if song.family else OPEN,
    )
