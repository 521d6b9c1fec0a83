from __future__ import annotations

import pytest

from musicgen_api.audio.formats import Encoding, Format


@pytest.mark.parametrize(
    ("encoding", "own_rate", "rate"),
    [
        (Encoding(), 32_000, 32_000),
        (Encoding(Format.FLAC), 16_000, 16_000),
        (Encoding(Format.OPUS), 32_000, 48_000),
        (Encoding(Format.MP3), 32_000, 32_000),
        (Encoding(Format.MP3), 30_000, 32_000),
        (Encoding(Format.MP3), 96_000, 48_000),
        (Encoding(Format.MP3, sample_rate=22_050), 32_000, 22_050),
        (Encoding(Format.PCM, sample_rate=8_000), 32_000, 8_000),
    ],
)
def test_a_file_has_the_rate_asked_for_or_the_pieces_own_or_the_next_one(
    encoding: Encoding, own_rate: int, rate: int
) -> None:
    assert encoding.rate_for(own_rate) == rate


@pytest.mark.parametrize(
    ("format", "options"),
    [
        (Format.OPUS, {"sample_rate": 44_100}),
        (Format.MP3, {"sample_rate": 96_000}),
        (Format.PCM, {"sample_rate": 0}),
        (Format.WAV, {"bit_rate": 128_000}),
        (Format.MP3, {"bit_rate": 0}),
        (Format.MP3, {"bit_rate": 10_000_000}),
    ],
)
def test_rates_that_a_format_lacks_are_refused(format: Format, options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="rate"):
        Encoding(format, **options)


def test_every_format_says_what_it_is() -> None:
    encodings = [Encoding(each) for each in Format]
    assert len({each.extension for each in encodings}) == len(Format)
    assert len({each.content_type for each in encodings}) == len(Format)
    assert all(each.content_type.startswith("audio/") for each in encodings)
