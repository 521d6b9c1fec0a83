"""A piece becomes a file: as a whole, or piece by piece while it is still being made. By FFmpeg's codecs, in memory.

    encode(samples, 32_000, Encoding(Format.MP3), tags)         # bytes

    stream = StreamEncoder(Encoding(Format.MP3), 32_000, channels=1)
    for samples in parts:
        yield stream.add(samples)
    yield stream.finish()

The codecs and containers:

========  =============================  ================================  =========================================
format    whole                          streamed                          length that a player finds
========  =============================  ================================  =========================================
wav       RIFF                           RIFF of unknown size              exact
flac      FLAC                           FLAC of unknown size              exact
mp3       LAME with Xing and LAME tags   without those tags                exact; streamed: up to 0.15 s of silence
                                                                           are added, the codec's delay and padding
opus      libopus in Ogg                 the same, a page every 0.2 s      exact, by pre-skip and end granule
aac       M4A, its index in front        fragmented MP4, 0.5 s each        exact for players that heed edit lists;
                                                                           streamed: up to 0.1 s are added
pcm ulaw  bare samples                   the same                          exact
========  =============================  ================================  =========================================

Streamed AAC is fragmented MP4 and not ADTS: it has the name, the type and the tags of the whole file, browsers play it
through media source extensions, and it can be uploaded here again.

Samples are float32 [C, T]. A whole piece is scaled down where it is too loud; a stream is limited sample by sample
(`level.soft_limit`), since its loudest moment is not known. int16 samples were levelled before and stay as they are.
Lossless formats at the piece's own rate hold exactly the nearest 16-bit samples. The same piece gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from musicgen_api.audio import level, mp4_boxes, wav
from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.audio.level import Pcm, Samples, as_floats
from musicgen_api.audio.resample import Resampler, resample
from musicgen_api.audio.tags import NO_TAGS, RECIPE
from musicgen_api.audio.writers import BareWriter, FFmpegWriter, Writer


def encode(
    samples: Samples, sample_rate: int, encoding: Encoding | None = None, tags: Mapping[str, str] = NO_TAGS
) -> bytes:
    """A whole file.

    Args:
        samples: [C, T] floats, C is 1 or 2. A piece that is louder than the format takes is scaled down as a whole.
        sample_rate: of `samples`, in Hz.
        encoding: the format and its rates; WAV at the piece's own rate if left out.
        tags: what the file says of itself, by the names in `tags.py`. Bare samples (pcm, ulaw) have no place for it.

    Raises:
        ValueError: the samples have another shape, or hold NaN or infinity.
    """
    encoding = encoding or Encoding()
    level.check(samples)
    rate = encoding.rate_for(sample_rate)
    sound = level.scale_down(resample(samples, sample_rate, rate), encoding.peak)
    if encoding.format is Format.WAV:
        return wav.with_tags(wav.wav_file(level.quantise(sound), rate), tags)
    writer = _writer(encoding, rate, len(sound), tags, whole=True)
    writer.add(sound)
    writer.close()
    return writer.take() + _behind(encoding, tags)


class StreamEncoder:
    """One file, piece by piece: what `add` and `finish` give, joined, is the file.

    A codec holds back what it still needs: up to 0.2 s of sound, 0.5 s of AAC. Tags stand at the beginning, so they
    cannot hold the codes of a piece that is still being made; a streamed WAV file has no tags.
    """

    def __init__(self, encoding: Encoding, sample_rate: int, channels: int, tags: Mapping[str, str] = NO_TAGS) -> None:
        """For `channels` 1 or 2 at `sample_rate` Hz."""
        self._encoding, self._tags, self._own_rate = encoding, tags, sample_rate
        self._rate = encoding.rate_for(sample_rate)
        self._resampler = Resampler(sample_rate, self._rate, channels)
        self._writer = _writer(encoding, self._rate, channels, tags, whole=False)

    def add(self, samples: Samples | Pcm) -> bytes:
        """The next samples [C, n], float32 or int16 -> the bytes that are certain by now, perhaps none.

        Raises:
            ValueError: the samples have another shape, or hold NaN or infinity.
        """
        level.check(samples)
        if samples.dtype == np.int16 and self._rate == self._own_rate:
            self._writer.add(samples)
        else:
            self._add(self._resampler.add(as_floats(samples)))
        return self._writer.take()

    def finish(self) -> bytes:
        """The rest of the file. Nothing can be added after it."""
        self._add(self._resampler.finish())
        self._writer.close()
        return self._writer.take() + _behind(self._encoding, self._tags)

    def _add(self, samples: Samples) -> None:
        self._writer.add(level.soft_limit(samples, self._encoding.peak))


def _writer(encoding: Encoding, sample_rate: int, channels: int, tags: Mapping[str, str], *, whole: bool) -> Writer:
    match encoding.format:
        case Format.PCM:
            return BareWriter()
        case Format.WAV:
            return BareWriter(wav.streamed_header(sample_rate, channels))
        case _:
            return FFmpegWriter(encoding, sample_rate, channels, tags, whole=whole)


def _behind(encoding: Encoding, tags: Mapping[str, str]) -> bytes:
    """What stands behind FFmpeg's file."""
    return mp4_boxes.recipe_box(tags[RECIPE].encode()) if encoding.format is Format.AAC and RECIPE in tags else b""
