"""Songs: a small musical world, drawn at random and rendered to audio, 32 kHz mono.

A `Song` is the score's plan, and all that a caption may speak of; `render` plays it with the note bank. Every onset
falls on the codec's frame grid (640 samples, 20 ms), keys and registers are few, and the first bar states tempo, key
and mode: what recurs is what a small model can learn. Nothing here knows of captions, codecs or tokens.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from training.instruments import FAMILIES, SAMPLE_RATE, Waveform, drum, note, release

FRAME: Final = 640  # samples: one frame of the codec, 50 a second
STEPS_PER_BAR: Final = 16

Tempo = Literal["slow", "medium", "fast"]
Mode = Literal["major", "minor"]

STEP_FRAMES: Final[dict[Tempo, int]] = {"slow": 12, "medium": 8, "fast": 5}
"""Codec frames in a sixteenth note: 62.5, 93.75 and 150 beats a minute."""
TONICS: Final = (0, 5, 7)
"""C, F and G. No major scale on one of them has the notes of a minor scale on another: the mode is always audible."""

_SCALES: Final = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
_PROGRESSIONS: Final = {  # degrees, one chord a bar; a verse and a bridge are drawn from these
    "major": ((0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 0, 4)),
    "minor": ((0, 5, 2, 6), (0, 3, 4, 0), (0, 5, 3, 6)),
}
_GROOVES: Final = {
    "rock": {"kick": "x.......x.x.....", "snare": "....x.......x...", "hat": "x.x.x.x.x.x.x.x."},
    "four": {"kick": "x...x...x...x...", "snare": "....x.......x...", "open_hat": "..x...x...x...x."},
    "half": {"kick": "x.....x.........", "snare": "........x.......", "hat": "x.x.x.x.x.x.x.x."},
}
_FILL: Final = {"snare": "............xx..", "tom": "..............xx"}
_MELODIES: Final[dict[Tempo, tuple[tuple[int, ...], ...]]] = {  # onsets within a bar, in steps
    "slow": ((0, 8), (0, 4, 8), (0, 8, 12)),
    "medium": ((0, 4, 8, 12), (0, 6, 8), (0, 4, 8)),
    "fast": ((0, 4, 6, 8, 12), (0, 2, 4, 8, 12), (0, 4, 8, 10, 12)),
}
_STRUM: Final[dict[Tempo, tuple[int, ...]]] = {"slow": (0, 8), "medium": (0, 4, 8, 12), "fast": (0, 4, 8, 12)}
_ARPEGGIO: Final = (0, 1, 2, 1, 0, 1, 2, 1)  # eighth notes through a triad
_CHORD_FLOOR, _MELODY_FLOOR, _BASS_FLOOR = (
    55,
    67,
    36,
)  # MIDI: each register spans about an octave above its floor
_CHORD_GAIN, _MELODY_GAIN, _BASS_GAIN, _DRUM_GAIN = 0.34, 0.42, 0.55, 0.62


@dataclass(frozen=True)
class Song:
    """What a song is made of. `family` is None for a piece of drums alone, and then `mode` is silent."""

    family: str | None
    drums: bool
    bass: bool
    tempo: Tempo
    mode: Mode
    tonic: int = 0
    texture: Literal["arpeggio", "chords"] = "arpeggio"
    melody: bool = True

    @property
    def step(self) -> int:
        """Samples in a sixteenth note."""
        return STEP_FRAMES[self.tempo] * FRAME

    @property
    def bar_frames(self) -> int:
        """Codec frames in a bar."""
        return STEPS_PER_BAR * STEP_FRAMES[self.tempo]

    @property
    def beats_per_minute(self) -> float:
        """Quarter notes a minute."""
        return 60 * SAMPLE_RATE / (4 * self.step)


DEFAULT_SONG: Final = Song("piano", drums=True, bass=True, tempo="medium", mode="major")
"""What a caption that says nothing the corpus knows stands for."""


def draw(rng: np.random.Generator) -> Song:
    """A random song: one in sixteen is drums alone, one in sixteen is the default."""
    tempo: Tempo = ("slow", "medium", "fast")[rng.choice(3, p=(0.38, 0.24, 0.38))]
    mode: Mode = ("major", "minor")[rng.integers(2)]
    tonic = int(rng.choice(TONICS))
    kind = rng.random()
    if kind < 1 / 16:
        return Song(None, drums=True, bass=False, tempo=tempo, mode=mode, melody=False)
    texture: Literal["arpeggio", "chords"] = ("arpeggio", "chords")[rng.integers(2)]
    if kind < 2 / 16:
        return Song("piano", drums=True, bass=True, tempo="medium", mode="major", tonic=tonic, texture=texture)
    drums = bool(rng.random() < 0.5)
    return Song(
        family=FAMILIES[rng.integers(len(FAMILIES))],
        drums=drums,
        bass=bool(rng.random() < (0.6 if drums else 0.25)),
        tempo=tempo,
        mode=mode,
        tonic=tonic,
        texture=texture,
        melody=bool(rng.random() < 0.6),
    )


def render(song: Song, duration_s: float, rng: np.random.Generator) -> Waveform:
    """Play the song from its first bar: `[samples]`, within -1 and 1. The rng draws the notes and the groove."""
    mix = np.zeros(round(duration_s * SAMPLE_RATE), np.float32)
    bars = -(-len(mix) // (STEPS_PER_BAR * song.step))
    band = _Band(song, rng)
    for bar in range(bars):
        band.play_bar(mix, bar)
    return np.tanh(mix)


class _Band:
    """The players of one song, each with the part that it repeats."""

    def __init__(self, song: Song, rng: np.random.Generator) -> None:
        self.song = song
        choices = _PROGRESSIONS[song.mode]
        verse, bridge = (choices[i] for i in rng.integers(len(choices), size=2))
        self.chords = (*verse, *verse, *bridge)  # twelve bars: A A B
        self.groove = _GROOVES[str(rng.choice(list(_GROOVES)))]
        rhythms = _MELODIES[song.tempo]
        self.rhythms = [rhythms[i] for i in rng.integers(len(rhythms), size=2)]
        self.contours = [np.cumsum(rng.integers(-1, 2, size=8)) for _ in range(2)]

    def play_bar(self, mix: Waveform, bar: int) -> None:
        start = bar * STEPS_PER_BAR * self.song.step
        degree = self.chords[bar % len(self.chords)]
        if self.song.family is not None:
            self._accompany(mix, start, degree)
            if self.song.melody:
                self._sing(mix, start, degree, bar)
        if self.song.bass:
            self._walk(mix, start, degree)
        if self.song.drums:
            self._drum(mix, start, fill=bar % 4 == 3)

    def _pitch(self, degree: int, floor: int) -> int:
        """The scale's degree, in the octave above `floor`."""
        pitch = self.song.tonic + _SCALES[self.song.mode][degree % 7]
        return floor + (pitch - floor) % 12

    def _accompany(self, mix: Waveform, start: int, degree: int) -> None:
        song, triad = self.song, [self._pitch(degree + third, _CHORD_FLOOR) for third in (0, 2, 4)]
        assert song.family is not None
        if song.texture == "arpeggio":
            for eighth, voice in enumerate(_ARPEGGIO):
                at = start + 2 * eighth * song.step
                _play(mix, at, song.family, triad[voice], 3 * song.step, 1.3 * _CHORD_GAIN)
            return
        strokes = _STRUM[song.tempo]
        for step in strokes:
            held = (STEPS_PER_BAR // len(strokes) - 1) * song.step
            for pitch in triad:
                _play(mix, start + step * song.step, song.family, pitch, held, 0.8 * _CHORD_GAIN)

    def _sing(self, mix: Waveform, start: int, degree: int, bar: int) -> None:
        """A motif of two bars: chord tones on the beat, neighbours between, moved along with the chords."""
        song, rhythm, contour = self.song, self.rhythms[bar % 2], self.contours[bar % 2]
        assert song.family is not None
        for index, step in enumerate(rhythm):
            following = rhythm[index + 1] if index + 1 < len(rhythm) else STEPS_PER_BAR
            shift = 2 * int(contour[index]) if step % 8 == 0 else int(contour[index])
            pitch = self._pitch(degree + shift, _MELODY_FLOOR)
            _play(
                mix,
                start + step * song.step,
                song.family,
                pitch,
                (following - step) * song.step,
                _MELODY_GAIN,
            )

    def _walk(self, mix: Waveform, start: int, degree: int) -> None:
        root, fifth = self._pitch(degree, _BASS_FLOOR), self._pitch(degree + 4, _BASS_FLOOR)
        for step, pitch in ((0, root), (6, root), (8, fifth), (12, root)):
            _play(mix, start + step * self.song.step, "bass", pitch, 3 * self.song.step, _BASS_GAIN)

    def _drum(self, mix: Waveform, start: int, *, fill: bool) -> None:
        for name, pattern in self.groove.items():
            self._strike(mix, start, name, pattern[:12] + "...." if fill else pattern)
        if fill:
            for name, pattern in _FILL.items():
                self._strike(mix, start, name, pattern)

    def _strike(self, mix: Waveform, start: int, name: str, pattern: str) -> None:
        for step, mark in enumerate(pattern):
            if mark == "x":
                _add(mix, start + step * self.song.step, drum(name), _DRUM_GAIN)


def _play(mix: Waveform, start: int, instrument: str, pitch: int, held: int, gain: float) -> None:
    """Hold a note for `held` samples, then let it fade."""
    fade = release(instrument)
    wave = note(instrument, pitch)[: held + len(fade)].copy()
    wave[-len(fade) :] *= fade
    _add(mix, start, wave, gain)


def _add(mix: Waveform, start: int, wave: Waveform, gain: float) -> None:
    end = min(len(mix), start + len(wave))
    if start < end:
        mix[start:end] += gain * wave[: end - start]
