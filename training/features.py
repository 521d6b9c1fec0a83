"""What can be told of a clip from its audio alone: family, drums, tempo, mode, by stated features and classifiers.

The classifiers are logistic regressions on the features below, trained on the corpus: they know nothing of tokens,
models or prompts. Frames are the codec's, 20 ms.
"""

import itertools
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import stft
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from training import corpus
from training.instruments import SAMPLE_RATE, Waveform

Features = NDArray[np.float64]

ATTRIBUTES: Final = ("family", "drums", "tempo", "mode")
CLIP_S: Final = 6.0

_WINDOW: Final = 2048
_BANDS: Final = 40
_SLOWEST: Final = 60  # frames: the longest lag of the onset autocorrelation, 1.2 s


def spectrogram(wave: Waveform) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies in Hz and magnitudes `[bins, frames]`, a frame every 20 ms, of a wave brought to one loudness."""
    wave = wave / (np.sqrt(np.mean(wave**2)) + 1e-6) * 0.15
    hz, _, spectrum = stft(wave, SAMPLE_RATE, nperseg=_WINDOW, noverlap=_WINDOW - corpus.FRAME)
    return hz, np.abs(spectrum)


def band_energies(hz: NDArray[np.float64], magnitudes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log energies `[bands, frames]` of bands that widen with frequency, from 40 Hz to 14 kHz."""
    edges = np.searchsorted(hz, np.geomspace(40, 14_000, _BANDS + 1))
    rows = [magnitudes[low : max(high, low + 1)].mean(0) for low, high in itertools.pairwise(edges)]
    return np.log10(np.array(rows) + 1e-5)


def timbre(wave: Waveform) -> Features:
    """Band levels (median, 10th and 90th percentile over time) and how quickly the sound falls after each onset."""
    bands = band_energies(*spectrogram(wave))
    low, middle, high = np.percentile(bands, (10, 50, 90), axis=1)
    change = np.diff(bands, axis=1)
    return np.concatenate([low, middle, high, np.maximum(change, 0).mean(1), change.std(1)])


def percussion(wave: Waveform) -> Features:
    """Onset strength and its peaks in the ranges of kick, snare and cymbals, and how flat the spectrum is."""
    hz, magnitudes = spectrogram(wave)
    parts = []
    for low, high in ((40, 120), (120, 400), (400, 2000), (2000, 5000), (5000, 9000), (9000, 15_000)):
        level = np.log10(magnitudes[(hz >= low) & (hz < high)].mean(0) + 1e-5)
        rise = np.maximum(np.diff(level), 0)
        parts += [level.mean(), level.std(), rise.mean(), np.percentile(rise, 95), np.percentile(level, 95)]
    power = magnitudes[hz > 3000] ** 2 + 1e-12
    flatness = np.exp(np.log(power).mean(0)) / power.mean(0)
    return np.array([*parts, *np.percentile(flatness, (10, 50, 90))])


def rhythm(wave: Waveform) -> Features:
    """Autocorrelation of the onset strength up to 1.2 s, and onsets a second."""
    bands = band_energies(*spectrogram(wave))
    strength = np.maximum(np.diff(bands, axis=1), 0).mean(0)
    centred = strength - strength.mean()
    correlation = np.correlate(centred, centred, "full")[len(centred) - 1 :][: _SLOWEST + 1]
    peaks = (strength[1:-1] > strength[:-2]) & (strength[1:-1] >= strength[2:])
    onsets = np.sum(peaks & (strength[1:-1] > strength.mean() + strength.std())) / (len(wave) / SAMPLE_RATE)
    return np.append(correlation[1:] / (correlation[0] + 1e-9), onsets)


def chroma(wave: Waveform) -> Features:
    """Share of each pitch class in the spectrum's peaks between 60 and 2,000 Hz (window of 0.25 s)."""
    hz, _, spectrum = stft(wave, SAMPLE_RATE, nperseg=8192, noverlap=8192 - 4 * corpus.FRAME)
    magnitudes = np.abs(spectrum)
    inner = magnitudes[1:-1]
    peaks = np.where((inner > magnitudes[:-2]) & (inner >= magnitudes[2:]), inner, 0.0).mean(1)
    pitches = 69 + 12 * np.log2(np.maximum(hz[1:-1], 1.0) / 440)
    heard = (hz[1:-1] > 60) & (hz[1:-1] < 2000)
    classes = np.bincount(np.round(pitches[heard]).astype(int) % 12, weights=peaks[heard], minlength=12)
    return classes / (classes.sum() + 1e-9)


_VIEWS: Final = {"family": timbre, "drums": percussion, "tempo": rhythm, "mode": chroma}


def label(song: corpus.Song, attribute: str) -> str | None:
    """The attribute's value, or None where the song has none (drums alone have neither family nor mode)."""
    if attribute == "drums":
        return "yes" if song.drums else "no"
    if attribute in ("family", "mode") and song.family is None:
        return None
    return str(getattr(song, attribute))


class Listener:
    """A classifier for each attribute, trained on clips of the corpus."""

    def __init__(self, songs: list[corpus.Song], waves: list[Waveform]) -> None:
        self._models: dict[str, Pipeline] = {}
        for attribute in ATTRIBUTES:
            pairs = [(wave, label(song, attribute)) for song, wave in zip(songs, waves, strict=True)]
            known = [(wave, value) for wave, value in pairs if value is not None]
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=2000))
            model.fit(np.array([_VIEWS[attribute](wave) for wave, _ in known]), [value for _, value in known])
            self._models[attribute] = model

    def hear(self, wave: Waveform) -> dict[str, str]:
        """The value of each attribute, from the audio alone."""
        return {
            attribute: str(model.predict(_VIEWS[attribute](wave)[None])[0]) for attribute, model in self._models.items()
        }

    def accuracy(self, songs: list[corpus.Song], waves: list[Waveform]) -> dict[str, float]:
        """Share of clips whose attribute is heard as the song has it."""
        hits: dict[str, list[bool]] = {attribute: [] for attribute in ATTRIBUTES}
        for song, wave in zip(songs, waves, strict=True):
            heard = self.hear(wave)
            for attribute in ATTRIBUTES:
                if (wanted := label(song, attribute)) is not None:
                    hits[attribute].append(heard[attribute] == wanted)
        return {attribute: round(float(np.mean(values)), 3) for attribute, values in hits.items()}
