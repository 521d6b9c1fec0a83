"""`output_format`: codec, sample rate and bit rate in one name, such as `mp3_44100_128`."""

from __future__ import annotations

from collections.abc import Iterator

from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.domain.errors import InvalidFields

DEFAULT_NAME = "mp3_44100_128"
_MP3 = {22_050: (32,), 24_000: (48,), 44_100: (32, 64, 96, 128, 192), 48_000: (128, 192, 240, 320)}
_SAMPLES = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_OPUS = (32, 64, 96, 128, 192)


def _encodings() -> Iterator[tuple[str, Encoding]]:
    for rate, bit_rates in _MP3.items():
        for kbit in bit_rates:
            yield f"mp3_{rate}_{kbit}", Encoding(Format.MP3, rate, kbit * 1000)
    for rate in _SAMPLES:
        yield f"pcm_{rate}", Encoding(Format.PCM, rate)
        yield f"wav_{rate}", Encoding(Format.WAV, rate)
    for kbit in _OPUS:
        yield f"opus_48000_{kbit}", Encoding(Format.OPUS, 48_000, kbit * 1000)
    yield "ulaw_8000", Encoding(Format.ULAW, 8_000)


ENCODINGS = dict(_encodings())
ENCODINGS["auto"] = ENCODINGS[DEFAULT_NAME]


def encoding_of(name: str) -> tuple[Encoding, bool]:
    """The file, and whether it is mono whatever the model is: a telephone has one channel.

    Raises:
        InvalidFields: there is no such format here.
    """
    if name not in ENCODINGS:
        raise InvalidFields({"output_format": [f"Must be one of {', '.join(ENCODINGS)}."]})
    encoding = ENCODINGS[name]
    return encoding, encoding.format is Format.ULAW
