from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen_api.domain.errors import Cancelled
from musicgen_api.domain.progress import ProgressMeter
from musicgen_api.domain.request import Phase
from tests.helpers.fakes import RecordingMonitor


@given(
    st.dictionaries(st.sampled_from(list(Phase)), st.floats(0.001, 1000), min_size=1),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 40)), min_size=4, max_size=4),
)
def test_the_percentage_never_falls_and_never_is_100(shares: dict[Phase, float], work: list[tuple[int, int]]) -> None:
    monitor = RecordingMonitor()
    meter = ProgressMeter(monitor, shares)
    for phase, (total, steps) in zip(shares, work, strict=False):
        meter.enter(phase, total)
        for _ in range(steps):  # maybe more than were announced, maybe fewer
            meter.step()
    assert monitor.percents == sorted(monitor.percents)
    assert monitor.percents[0] >= 0
    assert monitor.percents[-1] < 100


def test_each_phase_takes_its_share() -> None:
    monitor = RecordingMonitor()
    meter = ProgressMeter(monitor, {Phase.LOADING: 10, Phase.GENERATING: 80, Phase.DECODING: 10})
    meter.enter(Phase.LOADING, 1)
    meter.step()
    meter.enter(Phase.GENERATING, 4)
    for _ in range(4):
        meter.step()
    meter.enter(Phase.DECODING, 1)
    assert monitor.percents == pytest.approx([0, 10, 10, 30, 50, 70, 90, 90])
    assert monitor.phases == [Phase.LOADING] * 2 + [Phase.GENERATING] * 5 + [Phase.DECODING]


def test_a_phase_without_a_share_passes_without_progress() -> None:
    monitor = RecordingMonitor()
    meter = ProgressMeter(monitor, {Phase.LOADING: 0, Phase.GENERATING: 90})
    meter.enter(Phase.LOADING, 0)
    meter.enter(Phase.GENERATING, 2)
    meter.step()
    assert monitor.percents == pytest.approx([0, 0, 50])


@pytest.mark.parametrize("stop_at", [1, 2, 5])
def test_every_call_asks_whether_to_stop_before_it_reports(stop_at: int) -> None:
    monitor = RecordingMonitor(stop_at)
    meter = ProgressMeter(monitor, {Phase.GENERATING: 1})

    def generate() -> None:
        meter.enter(Phase.GENERATING, 10)
        for _ in range(10):
            meter.step()

    with pytest.raises(Cancelled):
        generate()
    assert len(monitor.percents) == stop_at - 1
