"""MAGNeT behind the same iterator: AudioCraft's own codes, and MusicGen is as before afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from audiocraft.models.genmodel import BaseGenModel
from audiocraft.modules import transformer
from torch import Tensor

from musicgen_api.domain.errors import InvalidFields, ModelDamaged, ModelError
from musicgen_api.domain.request import Backend, Section
from musicgen_api.engine import Sampling
from musicgen_api.generation.adapters import OnStep
from musicgen_api.generation.frames import generate
from musicgen_api.generation.plan import Plan, make_plan
from musicgen_api.generation.synthesizer import AudioCraftSynthesizer
from musicgen_api.models.catalog import Catalog
from musicgen_api.models.loaded_model import LoadedModel
from musicgen_api.models.loading import BackendChoice, load_musicgen
from musicgen_api.settings import Settings
from tests.conftest import Checkpoints
from tests.helpers import checkpoints as builders
from tests.helpers.fakes import RecordingMonitor, a_request
from tests.helpers.pieces import TEXT, codes_of

CPU = torch.device("cpu")
NUCLEUS = Sampling(temperature=3.0, top_k=0, top_p=0.9)
GREEDY = Sampling(use_sampling=False, temperature=3.0, top_k=0, top_p=0.9)


class Stop(Exception):
    """Raised by a step."""


@pytest.fixture(autouse=True)
def backend_as_before() -> Iterator[None]:
    yield
    left = transformer._efficient_attention_backend
    transformer.set_efficient_attention_backend("torch")
    assert left == "torch"


def load(folder: Path, **choice: str) -> LoadedModel:
    return load_musicgen("test/model", str(folder), CPU, RecordingMonitor(), BackendChoice(**choice))


@pytest.fixture(scope="module")
def model(checkpoints: Checkpoints) -> LoadedModel:
    return load(checkpoints.magnet)


def plan_of(model: LoadedModel, *seeds: int) -> Plan:
    return make_plan(model, [Section(TEXT, int(model.window_s))], seeds or (5,))


def piece(
    model: LoadedModel, *seeds: int, sampling: Sampling = NUCLEUS, on_step: OnStep = lambda steps: None
) -> Tensor:
    frames = generate(plan_of(model, *seeds), model, sampling, guidance=10.0, on_step=on_step)
    return torch.cat(list(frames), dim=-1)


@pytest.mark.parametrize("sampling", [NUCLEUS, GREEDY], ids=["sampled", "greedy"])
def test_the_codes_equal_those_of_audiocraft_s_magnet(
    checkpoints: Checkpoints, model: LoadedModel, sampling: Sampling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BaseGenModel, "generate_audio", lambda model, codes: codes)
    reference = builders.load_magnet(checkpoints.magnet)
    reference.set_generation_params(use_sampling=sampling.use_sampling)
    torch.manual_seed(5)
    expected = reference.generate([TEXT], return_tokens=True)[1]
    transformer.set_efficient_attention_backend("torch")
    assert expected.shape == (1, 4, 150)
    assert model.backend == Backend("audiocraft", "fp32")
    assert torch.equal(piece(model, sampling=sampling), expected)


def test_a_piece_that_the_spans_do_not_fill_is_whole_all_the_same(tmp_path: Path) -> None:
    """AudioCraft's pieces of 10 s last 9.96 s: 500 frames, in spans of 3."""
    model = load(builders.build_musicgen(tmp_path / "magnet", "magnet", window_s=2))
    codes = piece(model)
    assert codes.shape == (1, 4, 100)
    assert int(codes.max()) < model.lm.card


def test_each_take_is_the_piece_of_its_own_seed(model: LoadedModel) -> None:
    takes = piece(model, 5, 6, 7)
    assert torch.equal(takes, torch.cat([piece(model, seed) for seed in (5, 6, 7)]))
    assert not torch.equal(takes[0], takes[1])


def test_all_steps_are_counted(model: LoadedModel) -> None:
    steps: list[float] = []
    piece(model, 5, 6, on_step=steps.append)
    counted = [step for step in steps if step]
    assert len(counted) == 2 * (20 + 10 + 10 + 10)
    assert sum(counted) == pytest.approx(plan_of(model).steps)


@pytest.mark.parametrize("calls", [1, 5, 200])
def test_it_stops_within_a_layer_and_musicgen_is_as_before(
    checkpoints: Checkpoints, model: LoadedModel, calls: int
) -> None:
    musicgen = load(checkpoints.mono, engine="audiocraft")
    before = codes_of(musicgen, 1)
    called = 0

    def stop(steps: float) -> None:
        nonlocal called
        called += 1
        if called == calls:
            raise Stop

    with pytest.raises(Stop):
        piece(model, on_step=stop)
    assert called == calls
    assert torch.equal(codes_of(musicgen, 1), before)
    assert piece(model).shape == (1, 4, 150)
    assert torch.equal(codes_of(musicgen, 1), before)


@pytest.fixture(scope="module")
def synthesizer(checkpoints: Checkpoints) -> AudioCraftSynthesizer:
    settings = Settings(models=f"test/magnet={checkpoints.magnet}", device="cpu")
    return AudioCraftSynthesizer(settings, Catalog(settings))


def test_a_request_becomes_music_of_exactly_its_length(synthesizer: AudioCraftSynthesizer) -> None:
    monitor = RecordingMonitor()
    music = synthesizer.synthesize(a_request(model="test/magnet", duration=3, takes=2), monitor)
    assert [take.waveform.shape for take in music.takes] == [(1, 96_000)] * 2
    assert monitor.percents == sorted(monitor.percents)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"duration": 4}, "duration"),
        ({"duration": 3, "live": True}, "live"),
        ({"duration": 3, "sections": (Section("a", 1), Section("b", 2))}, "sections"),
    ],
)
def test_what_an_added_magnet_cannot_do_is_told_once_it_is_known(
    synthesizer: AudioCraftSynthesizer, values: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidFields) as caught:
        synthesizer.synthesize(a_request(model="test/magnet", **values), RecordingMonitor())
    assert set(caught.value.fields) == {field}


def test_the_engine_does_not_run_it(checkpoints: Checkpoints) -> None:
    with pytest.raises(ModelError, match="it decides all frames at once"):
        load(checkpoints.magnet, engine="engine")


def test_masks_without_end_are_refused(tmp_path: Path) -> None:
    folder = builders.build_musicgen(tmp_path / "magnet", "magnet", window_s=100_000)
    with pytest.raises(ModelDamaged, match=r"dataset\.segment_duration in 'xp\.cfg' is 100000; .* at most 120 s"):
        load(folder)
