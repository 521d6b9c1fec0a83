"""Whole pieces: for the same seed the codes equal `MusicGen.generate`'s, whoever generates, windows included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from audiocraft.models.audiogen import AudioGen
from audiocraft.models.genmodel import BaseGenModel
from audiocraft.models.musicgen import MusicGen
from audiocraft.modules.conditioners import ChromaStemConditioner, ConditioningAttributes
from torch import Tensor

from musicgen_api.domain.request import Section
from musicgen_api.engine import Sampling
from musicgen_api.generation.frames import generate
from musicgen_api.generation.plan import Plan, make_plan
from musicgen_api.models.loaded_model import LoadedModel
from musicgen_api.models.loading import BackendChoice, load_musicgen
from tests.conftest import Checkpoints
from tests.helpers import checkpoints as builders
from tests.helpers.fakes import RecordingMonitor

TEXT = "slow sad piano"
CPU = torch.device("cpu")
SAMPLED = Sampling(top_k=30)
GREEDY = Sampling(use_sampling=False)


class Stop(Exception):
    """Raised by a step."""


def load(checkpoints: Checkpoints, variant: str, engine: str = "engine", precision: str = "fp32") -> LoadedModel:
    folder = str(getattr(checkpoints, variant))
    return load_musicgen("test/model", folder, CPU, RecordingMonitor(), BackendChoice(engine, precision))


def piece(
    model: LoadedModel, *durations: float, seeds: tuple[int, ...] = (5,), sampling: Sampling = SAMPLED, **more: Any
) -> Tensor:
    """The codes [B, K, T] of a piece whose sections have these lengths in seconds."""
    plan = make_plan(model, [Section(TEXT, seconds) for seconds in durations], seeds, **more)
    return torch.cat(list(generate(plan, model, sampling, guidance=3.0)), dim=-1)


def by_audiocraft(
    model: MusicGen | AudioGen, duration: int, sampling: Sampling, melody: Tensor | None = None
) -> Tensor:
    model.set_generation_params(duration=duration, use_sampling=sampling.use_sampling, top_k=30)
    torch.manual_seed(5)
    if melody is not None:
        return model.generate_with_chroma([TEXT], melody[None], model.sample_rate, return_tokens=True)[1]
    return model.generate([TEXT], return_tokens=True)[1]


@pytest.fixture(autouse=True)
def no_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    """`generate` decodes its codes as well; they alone are compared here."""
    monkeypatch.setattr(BaseGenModel, "generate_audio", lambda model, codes: codes)


@pytest.mark.parametrize(
    ("variant", "duration", "sampling"),
    [
        *(("mono", duration, how) for duration in (8, 30, 31, 45, 70) for how in (SAMPLED, GREEDY)),
        *(("stereo", duration, SAMPLED) for duration in (8, 31, 45)),
        *(("melody", duration, SAMPLED) for duration in (8, 31, 45)),
        *((variant, 45, GREEDY) for variant in ("stereo", "melody")),
    ],
    ids=lambda value: "" if not isinstance(value, Sampling) else ("sampled" if value.use_sampling else "greedy"),
)
def test_a_whole_piece_equals_audiocraft_s(
    checkpoints: Checkpoints, variant: str, duration: int, sampling: Sampling
) -> None:
    expected = by_audiocraft(builders.load_musicgen(getattr(checkpoints, variant)), duration, sampling)
    assert expected.shape[-1] == 50 * duration
    assert torch.equal(piece(load(checkpoints, variant), duration, sampling=sampling), expected)


@pytest.mark.parametrize(
    ("engine", "duration"), [*(("engine", duration) for duration in (4, 10, 11, 25)), ("audiocraft", 11)]
)
def test_sounds_equal_those_of_audiogen_its_own_windows_included(
    checkpoints: Checkpoints, engine: str, duration: int
) -> None:
    expected = by_audiocraft(builders.load_audiogen(checkpoints.audiogen), duration, SAMPLED)
    model = load(checkpoints, "audiogen", engine)
    assert (model.sample_rate, model.frame_rate, model.backend.engine) == (16_000, 50, engine)
    assert torch.equal(piece(model, duration), expected)


@pytest.mark.parametrize("variant", ["mono", "stereo", "melody"])
def test_audiocraft_s_own_generation_stands_behind_the_same_iterator(checkpoints: Checkpoints, variant: str) -> None:
    expected = by_audiocraft(builders.load_musicgen(getattr(checkpoints, variant)), 31, SAMPLED)
    assert torch.equal(piece(load(checkpoints, variant, "audiocraft"), 31), expected)


@pytest.mark.parametrize("engine", ["engine", "audiocraft"])
@pytest.mark.parametrize("duration", [4, 33])
def test_a_melody_is_followed_as_audiocraft_follows_it_in_every_window(
    checkpoints: Checkpoints, engine: str, duration: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tune of 7 s: shorter than a window, so it is repeated, and each window begins elsewhere in it."""
    tune = torch.randn(1, 7 * 32_000, generator=torch.Generator().manual_seed(2))
    monkeypatch.setattr(ChromaStemConditioner, "_get_stemmed_wav", lambda self, wave, sample_rate: wave)  # no Demucs
    expected = by_audiocraft(builders.load_musicgen(checkpoints.melody), duration, SAMPLED, tune)
    codes = piece(load(checkpoints, "melody", engine), duration, melody=tune)
    assert torch.equal(codes, expected)
    assert not torch.equal(codes, piece(load(checkpoints, "melody", engine), duration))


@pytest.mark.parametrize("engine", ["engine", "audiocraft"])
def test_known_codes_come_first_and_are_continued_as_audiocraft_continues_them(
    checkpoints: Checkpoints, engine: str
) -> None:
    model = load(checkpoints, "mono", engine)
    known = piece(model, 2)[0]
    codes = piece(model, 3, known=known, seeds=(6,))
    assert torch.equal(codes[0, :, :100], known)
    reference = builders.load_musicgen(checkpoints.mono).lm
    attributes = [ConditioningAttributes(text={"description": TEXT})]
    torch.manual_seed(6)
    assert torch.equal(codes, reference.generate(known[None], attributes, max_gen_len=150, top_k=30, cfg_coef=3.0))


@pytest.mark.parametrize(("engine", "precision"), [("engine", "fp32"), ("engine", "int8"), ("audiocraft", "fp32")])
def test_each_take_is_the_piece_of_its_own_seed(checkpoints: Checkpoints, engine: str, precision: str) -> None:
    model = load(checkpoints, "mono", engine, precision)
    takes = piece(model, 31, seeds=(5, 6, 2**40))
    for take, seed in zip(takes, (5, 6, 2**40), strict=True):
        assert torch.equal(take, piece(model, 31, seeds=(seed,))[0])


def test_a_fraction_of_a_second_has_all_the_frames_that_it_reaches_into(checkpoints: Checkpoints) -> None:
    model = load(checkpoints, "mono")
    assert model.frame_rate == 50
    for seconds, frames in [(0.1, 5), (0.333, 17), (2.51, 126), (3, 150)]:
        assert make_plan(model, [Section(TEXT, seconds)], [5]).frames == frames
    assert make_plan(model, [Section(TEXT, 0.1), Section(TEXT, 0.2)], [5]).frames == 15  # in floats, a little more


def test_a_section_goes_on_from_the_end_of_the_one_before(checkpoints: Checkpoints) -> None:
    model = load(checkpoints, "mono")
    plan = make_plan(model, [Section(TEXT, 2), Section("upbeat techno", 1.5)], [5])
    codes = torch.cat(list(generate(plan, model, SAMPLED, guidance=3.0)), dim=-1)
    assert codes.shape[-1] == plan.frames == 175
    assert torch.equal(codes[..., :100], piece(model, 2))
    other = piece(model, 2, 1.5)
    assert torch.equal(other[..., :100], codes[..., :100])
    assert not torch.equal(other[..., 100:], codes[..., 100:])


def frames_of(plan: Plan, model: LoadedModel, **options: Any) -> Iterator[Tensor]:
    return generate(plan, model, SAMPLED, guidance=3.0, **options)


@pytest.mark.parametrize("engine", ["engine", "audiocraft"])
@pytest.mark.parametrize("seeds", [(5,), (5, 6, 7)])
def test_the_plan_tells_how_many_steps_there_will_be(
    checkpoints: Checkpoints, engine: str, seeds: tuple[int, ...]
) -> None:
    model, done = load(checkpoints, "mono", engine), 0.0

    def on_step(steps: float) -> None:
        nonlocal done
        done += steps

    plan = make_plan(model, [Section(TEXT, 2), Section(TEXT, 1)], seeds)
    for _ in frames_of(plan, model, on_step=on_step):
        pass
    assert done == pytest.approx(plan.steps)
    assert plan.steps == 150 + 2 * 3


@pytest.mark.parametrize("engine", ["engine", "audiocraft"])
@pytest.mark.parametrize("stop_at", [1, 2, 60])
def test_what_a_step_raises_ends_the_piece_and_the_next_one_is_not_touched(
    checkpoints: Checkpoints, engine: str, stop_at: int
) -> None:
    model, steps = load(checkpoints, "mono", engine), 0
    expected = piece(model, 1)

    def on_step(_steps: float) -> None:
        nonlocal steps
        steps += 1
        if steps == stop_at:
            raise Stop

    with pytest.raises(Stop):
        list(frames_of(make_plan(model, [Section("rock", 2)], [9]), model, on_step=on_step))
    assert steps == stop_at
    assert torch.equal(piece(model, 1), expected)


def test_frames_come_while_the_piece_is_made_and_closing_the_iterator_ends_it(checkpoints: Checkpoints) -> None:
    model, steps = load(checkpoints, "mono"), 0.0

    def on_step(done: float) -> None:
        nonlocal steps
        steps += done

    frames = frames_of(make_plan(model, [Section(TEXT, 10)], [5]), model, on_step=on_step)
    first = next(frames)
    assert first.shape[-1] <= 50, "at most a second of music is held back"
    assert steps <= first.shape[-1] + 3
    frames.close()
    assert steps < 60
    threads = torch.get_num_threads()
    next(frames_of(make_plan(model, [Section(TEXT, 10)], [5]), model))
    assert torch.get_num_threads() == threads, "the reader between two steps works with torch's own thread count"
