from __future__ import annotations

import numpy as np
import pytest

from musicgen_api.audio.mixing import to_channels, to_stereo_at_most


def one_at_a_time(names: list[str]) -> dict[str, tuple[float, float]]:
    """How much of each channel left and right get."""
    left, right = to_stereo_at_most(np.eye(len(names), dtype=np.float32), names)
    return {name: (float(left[i]), float(right[i])) for i, name in enumerate(names)}


def test_a_film_is_mixed_as_itu_r_bs_775_says() -> None:
    shares = one_at_a_time(["FL", "FR", "FC", "LFE", "BL", "BR"])
    unit = shares["FL"][0]
    assert unit == pytest.approx(1 / (1 + 2 * 0.7071), abs=1e-3)
    expected = {"FL": (1, 0), "FR": (0, 1), "FC": (0.7071, 0.7071), "LFE": (0, 0), "BL": (0.7071, 0), "BR": (0, 0.7071)}
    assert {name: (a / unit, b / unit) for name, (a, b) in shares.items()} == {
        name: pytest.approx(share, abs=1e-3) for name, share in expected.items()
    }


def test_channels_without_a_known_place_go_to_the_middle() -> None:
    assert one_at_a_time(["?", "??", "AMBI3"]) == {name: pytest.approx((1 / 3, 1 / 3)) for name in ["?", "??", "AMBI3"]}


def test_three_low_frequency_channels_are_silence_and_no_error() -> None:
    assert not to_stereo_at_most(np.ones((3, 9), np.float32), ["LFE", "LFE", "LFE2"]).any()


@pytest.mark.parametrize("channels", [1, 2])
def test_mono_and_stereo_stay_what_they_are(channels: int) -> None:
    samples = np.arange(2 * channels, dtype=np.float32).reshape(channels, 2)
    assert to_stereo_at_most(samples, ["FL", "FR"][:channels]) is samples
    assert to_channels(samples, channels) is samples
