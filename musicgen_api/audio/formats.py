"""The files that a piece can become: what each is called, which sample rates and bit rates it takes. No sound here.

Encoding(Format.MP3, sample_rate=44_100, bit_rate=128_000)      # ElevenLabs' mp3_44100_128
Encoding(Format.PCM, sample_rate=24_000)                        # its pcm_24000
Encoding(Format.FLAC)                                           # the piece's own rate
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from musicgen_api.audio.level import LOSSY_PEAK, PEAK


class Format(enum.StrEnum):
    """A kind of file, by its name in our API."""

    WAV = "wav"
    FLAC = "flac"
    MP3 = "mp3"
    OPUS = "opus"  # in Ogg, always at 48 kHz
    AAC = "aac"  # in M4A
    PCM = "pcm"  # bare 16 bit little endian, interleaved
    ULAW = "ulaw"  # bare G.711, 8 bit: for telephones


@dataclass(frozen=True)
class _Facts:
    extension: str
    content_type: str
    rates: tuple[int, ...] | None = None  # None: all from LOWEST_RATE to HIGHEST_RATE
    bit_rates: tuple[int, int] | None = None  # of one channel and of two, by default; None: not lossy by bit rate


LOWEST_RATE, HIGHEST_RATE = 8_000, 192_000
_LOWEST_BIT_RATE, _HIGHEST_BIT_RATE = 8_000, 512_000

_MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_FACTS = {
    Format.WAV: _Facts("wav", "audio/wav"),
    Format.FLAC: _Facts("flac", "audio/flac"),
    Format.MP3: _Facts("mp3", "audio/mpeg", _MP3_RATES, (128_000, 192_000)),
    Format.OPUS: _Facts("opus", "audio/ogg", (48_000,), (96_000, 128_000)),  # names by RFC 7845
    Format.AAC: _Facts("m4a", "audio/mp4", (*_MP3_RATES, 64_000, 88_200, 96_000), (128_000, 192_000)),
    Format.PCM: _Facts("pcm", "audio/pcm"),
    Format.ULAW: _Facts("ulaw", "audio/basic"),
}


@dataclass(frozen=True)
class Encoding:
    """How a piece becomes a file."""

    format: Format = Format.WAV
    sample_rate: int | None = None
    """In Hz. None: the piece's own, or the next higher one that the format has."""
    bit_rate: int | None = None
    """Bits per second, of MP3, Opus and AAC alone. None: 128 to 192 kbit/s. The codec takes the nearest that it has."""

    def __post_init__(self) -> None:
        """Raise `ValueError` for a rate that the format does not have."""
        if self.sample_rate is not None and not self._takes(self.sample_rate):
            raise ValueError(f"{self.format} has no sample rate of {self.sample_rate} Hz")
        if self.bit_rate is None:
            return
        if self._facts.bit_rates is None:
            raise ValueError(f"{self.format} has no bit rate to choose")
        if not _LOWEST_BIT_RATE <= self.bit_rate <= _HIGHEST_BIT_RATE:
            raise ValueError(f"bit_rate must be {_LOWEST_BIT_RATE} to {_HIGHEST_BIT_RATE}, not {self.bit_rate}")

    @property
    def extension(self) -> str:
        """Of a file's name, without the dot."""
        return self._facts.extension

    @property
    def content_type(self) -> str:
        """For the Content-Type header."""
        return self._facts.content_type

    @property
    def lossy(self) -> bool:
        """Whether the decoder gives back other samples than were put in, and perhaps louder ones."""
        return self._facts.bit_rates is not None

    @property
    def peak(self) -> float:
        """The loudest sample that goes into such a file."""
        return LOSSY_PEAK if self.lossy else PEAK

    def rate_for(self, sample_rate: int) -> int:
        """The file's sample rate for a piece that has `sample_rate` of its own."""
        if self.sample_rate is not None:
            return self.sample_rate
        rates = self._facts.rates or (sample_rate,)
        return min((rate for rate in rates if rate >= sample_rate), default=max(rates))

    def bit_rate_for(self, channels: int) -> int | None:
        """The file's bit rate; None where there is none to choose."""
        if self._facts.bit_rates is None:
            return None
        return self.bit_rate or self._facts.bit_rates[channels - 1]

    @property
    def _facts(self) -> _Facts:
        return _FACTS[self.format]

    def _takes(self, sample_rate: int) -> bool:
        if self._facts.rates is not None:
            return sample_rate in self._facts.rates
        return LOWEST_RATE <= sample_rate <= HIGHEST_RATE
