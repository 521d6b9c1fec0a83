"""Where a piece is cut: every frame is made once, and each window begins with what is known of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen_api.generation.windows import Window, plan_windows

LONGEST, STRIDE = 1500, 900
"""MusicGen's: 30 s and 18 s at 50 frames a second."""


def plan(*sections: int, known: int = 0) -> list[Window]:
    return plan_windows(sections, known=known, longest=LONGEST, stride=STRIDE)


@pytest.mark.parametrize("frames", [1, 50, 1499, 1500])
def test_a_short_piece_is_one_window(frames: int) -> None:
    assert plan(frames) == [Window(0, 0, frames)]


def test_a_long_piece_is_cut_as_audiocraft_cuts_it() -> None:
    assert plan(3500) == [Window(0, 0, 1500), Window(900, 600, 1500), Window(1800, 600, 1500), Window(2700, 600, 800)]


@pytest.mark.parametrize("seconds", [1, 29, 30, 31, 47, 48, 49, 300])
def test_each_window_but_the_first_begins_18_s_later(seconds: int) -> None:
    windows = plan(seconds * 50)
    assert len(windows) == (1 if seconds <= 30 else 1 + -(-(seconds - 30) // 18))
    assert [window.start for window in windows] == [900 * index for index in range(len(windows))]
    assert sum(window.new for window in windows) == seconds * 50


def test_a_kept_beginning_is_known_to_the_first_window() -> None:
    assert plan(2000, known=1000) == [Window(0, 1000, 1500), Window(900, 600, 1100)]


def test_of_a_kept_part_longer_than_a_window_its_end_is_known() -> None:
    assert plan(4000, known=3000)[0] == Window(2400, 600, 1500)


def test_another_description_begins_a_window_over_the_end_of_the_section_before() -> None:
    assert plan(500, 400, 2000) == [
        Window(0, 0, 500, 0),
        Window(0, 500, 900, 1),
        Window(300, 600, 1500, 2),
        Window(1200, 600, 1500, 2),
        Window(2100, 600, 800, 2),
    ]


def test_a_section_that_is_known_as_a_whole_is_passed_over() -> None:
    assert plan(500, 400, known=500) == [Window(0, 500, 900, 1)]
    assert plan(500, 400, known=700) == [Window(0, 700, 900, 1)]


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=20), st.data())
def test_the_new_frames_of_the_windows_are_the_piece_in_order(sections: list[int], data: st.DataObject) -> None:
    known = data.draw(st.integers(0, sum(sections) - 1))
    done, ends = known, [sum(sections[: index + 1]) for index in range(len(sections))]
    for window in plan(*sections, known=known):
        assert window.start + window.known == done
        assert window.new > 0
        assert window.frames <= LONGEST
        assert window.known <= done
        done = window.start + window.frames
        assert ends[window.section] - sections[window.section] < done <= ends[window.section]
    assert done == sum(sections)


@pytest.mark.parametrize(
    ("sections", "known", "stride"), [((), 0, 900), ((5,), 5, 900), ((5, 0), 0, 900), ((5,), -1, 900), ((5,), 0, 1500)]
)
def test_what_leaves_nothing_to_generate_is_refused(sections: tuple[int, ...], known: int, stride: int) -> None:
    with pytest.raises(ValueError, match=r"nothing to generate|does not fit"):
        plan_windows(sections, known=known, longest=LONGEST, stride=stride)
