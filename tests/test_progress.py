from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from musicgen_api.errors import Cancelled
from musicgen_api.synthesis.progress import ProgressMeter, count_steps
from musicgen_api.synthesis.request import Phase
from tests.checkpoints import load_musicgen
from tests.conftest import Checkpoints
from tests.fakes import RecordingMonitor


@pytest.mark.parametrize("variant", ["mono", "stereo"])
def test_the_number_of_steps_is_the_number_of_audiocraft_s_own_callbacks(
    checkpoints: Checkpoints, variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_musicgen(getattr(checkpoints, variant))
    codebooks, card = model.lm.num_codebooks, model.lm.card

    def forward(sequence: torch.Tensor, **conditions: object) -> torch.Tensor:
        return torch.zeros(len(sequence), codebooks, sequence.shape[-1], card)  # saves the time, not the steps

    monkeypatch.setattr(model.lm, "forward", forward)
    counted = {}
    for duration in [1, 8, 30, 31, 48, 70]:
        calls: list[tuple[int, int]] = []
        model.set_custom_progress_callback(lambda *pair, calls=calls: calls.append(pair))
        model.set_generation_params(duration=duration, top_k=card)
        model._generate_tokens(*model._prepare_tokens_and_attributes(["piano"], None), progress=True)
        counted[duration] = len(calls)
    assert counted == {
        duration: count_steps(
            duration,
            frame_rate=model.frame_rate,
            max_duration_s=model.max_duration,
            stride_s=model.extend_stride,
            max_delay=3,
        )
        for duration in counted
    }
    assert counted[70] == 3512


@pytest.mark.parametrize("duration", [1, 29, 30, 31, 47, 48, 49, 300])
def test_every_new_frame_is_counted_once_and_each_window_adds_its_delay(duration: int) -> None:
    steps = count_steps(duration, frame_rate=50, max_duration_s=30, stride_s=18, max_delay=3)
    windows = 1 if duration <= 30 else 1 + -(-(duration - 30) // 18)
    assert steps == duration * 50 + 3 * windows


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
