"""From a request to a WAV file on real, tiny models: every parameter arrives, and nothing is left behind."""

from __future__ import annotations

import dataclasses
import io
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from musicgen_api.domain.errors import Cancelled, DeviceMissing, ModelNotFound, ModelOffline
from musicgen_api.domain.progress import LAST_BEFORE_THE_END
from musicgen_api.domain.recipe import Codes
from musicgen_api.domain.request import MusicRequest, Phase, Section, Take
from musicgen_api.engine import Engine
from musicgen_api.engine.cpu.threads import torch_threads
from musicgen_api.engine.runner import EagerRunner
from musicgen_api.generation import adapters
from musicgen_api.generation.synthesizer import AudioCraftSynthesizer
from musicgen_api.models import store as model_store
from musicgen_api.models.catalog import Catalog
from musicgen_api.models.loaded_model import LoadedModel
from musicgen_api.settings import Settings
from tests.conftest import Checkpoints
from tests.helpers.fakes import RecordingMonitor, a_request, wav_of


def a_synthesizer(checkpoints: Checkpoints, **values: Any) -> AudioCraftSynthesizer:
    """One that knows the tiny models as `test/mono`, `test/stereo`, `test/melody` and `test/audiogen`."""
    names = ["mono", "stereo", "melody", "audiogen"]
    models = ",".join(f"test/{name}={getattr(checkpoints, name)}" for name in names)
    settings = Settings(models=models, default_model="test/mono", **{"max_models": 4, "device": "cpu"} | values)
    return AudioCraftSynthesizer(settings, Catalog(settings))


@pytest.fixture(scope="module")
def synthesizer(checkpoints: Checkpoints) -> Iterator[AudioCraftSynthesizer]:
    yield a_synthesizer(checkpoints)


def short(**values: Any) -> MusicRequest:
    """A request for a second of the tiny mono model."""
    return a_request(**{"model": "test/mono", "duration": 1} | values)


def make(synthesizer: AudioCraftSynthesizer, **values: Any) -> bytes:
    return wav_of(synthesizer.synthesize(short(**values), RecordingMonitor()))


@pytest.mark.parametrize(("model", "channels"), [("test/mono", 1), ("test/stereo", 2), ("test/melody", 1)])
@pytest.mark.parametrize("duration", [1, 3])
def test_the_wav_is_as_asked_for(synthesizer: AudioCraftSynthesizer, model: str, channels: int, duration: int) -> None:
    music = synthesizer.synthesize(short(model=model, duration=duration), RecordingMonitor())
    assert (music.sample_rate, music.channels) == (32_000, channels)
    with soundfile.SoundFile(io.BytesIO(wav_of(music))) as sound:
        assert (sound.format, sound.subtype, sound.samplerate) == ("WAV", "PCM_16", 32_000)
        assert (len(sound), sound.channels) == (32_000 * duration, channels)
        assert sound.read().std() > 1e-4


@pytest.mark.parametrize("live", [False, True])
def test_the_sample_rate_is_the_model_s_own(synthesizer: AudioCraftSynthesizer, live: bool) -> None:
    """AudioGen's 16 kHz, also past its window of 10 s."""
    monitor = RecordingMonitor()
    music = synthesizer.synthesize(short(model="test/audiogen", duration=12, live=live), monitor)
    assert (music.sample_rate, music.channels) == (16_000, 1)
    assert music.takes[0].waveform.shape == (1, 12 * 16_000)
    assert {sound.sample_rate for sound in monitor.sounds} == ({16_000} if live else set())
    assert music.takes[0].codes is not None
    assert music.takes[0].codes.frame_rate == 50


class Spy:
    """Notes what reaches the engine and the conditioners, and lets it through."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self._texts: list[str] = []
        self._conditions_of = adapters.conditions_of

    def conditions_of(self, lm: Any, songs: list[Any]) -> Any:
        """Make conditions."""
        self._texts = [song.text["description"] for song in songs]
        return self._conditions_of(lm, songs)

    def generate(self, known: torch.Tensor, conditions: Any, **parameters: Any) -> Any:
        """Note."""
        sampling = dataclasses.asdict(parameters.pop("sampling"))
        self.calls.append({"texts": self._texts, "known": known.shape[-1]} | parameters | sampling)


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    spy, generate = Spy(), Engine.generate

    def spied(engine: Engine, *arguments: Any, **parameters: Any) -> Iterator[torch.Tensor]:
        spy.generate(*arguments, **parameters)
        return generate(engine, *arguments, **parameters)

    monkeypatch.setattr(Engine, "generate", spied)
    monkeypatch.setattr(adapters, "conditions_of", spy.conditions_of)
    return spy


DOCUMENTED = {"top_k": 64, "top_p": 0.0, "temperature": 1.0, "guidance": 3.0, "use_sampling": True, "frames": 50}
"""What a second with the documents' defaults is to AudioCraft; these models have 64 codebook entries, less than 250."""


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ({}, {}),
        ({"description": "upbeat techno"}, {"texts": ["upbeat techno"]}),
        ({"duration": 2}, {"frames": 100}),
        ({"top_k": 5}, {"top_k": 5}),
        ({"top_k": 10**12}, {"top_k": 64}),
        ({"top_p": 0.25}, {"top_p": 0.25}),
        ({"temperature": 0.5}, {"temperature": 0.5}),
        ({"temperature": 1e-40}, {"temperature": 1e-40, "use_sampling": False}),
        ({"cfg_coef": -2.5}, {"guidance": -2.5}),
    ],
)
def test_every_parameter_reaches_the_engine_and_none_stays_for_the_next_job(
    synthesizer: AudioCraftSynthesizer, spy: Spy, sent: dict[str, Any], received: dict[str, Any]
) -> None:
    make(synthesizer, **sent)
    make(synthesizer)
    expected = DOCUMENTED | {"texts": ["slow sad piano"], "known": 0}
    for call, values in zip(spy.calls, [expected | received, expected], strict=True):
        assert {name: call[name] for name in values} == values


@pytest.mark.parametrize(
    "change",
    [
        {"description": "upbeat techno with strong drums"},
        {"seed": 2},
        {"seed": 2**53 - 1},
        {"top_k": 2},
        {"top_p": 0.1},
        {"temperature": 0.1},
        {"cfg_coef": -50.0},
    ],
    ids=str,
)
def test_a_seed_repeats_the_music_and_any_other_parameter_changes_it(
    synthesizer: AudioCraftSynthesizer, change: dict[str, Any]
) -> None:
    music = make(synthesizer)
    assert make(synthesizer, **change) != music
    assert make(synthesizer) == music


def test_seeds_that_share_their_low_32_bits_make_different_music(synthesizer: AudioCraftSynthesizer) -> None:
    seeds = [0, 1, 2**32, 2**32 + 1, 2**33, 2**52]
    assert len({make(synthesizer, seed=seed) for seed in seeds}) == len(seeds)


def test_a_seed_means_the_same_after_the_model_was_loaded_again(
    synthesizer: AudioCraftSynthesizer, checkpoints: Checkpoints
) -> None:
    assert make(a_synthesizer(checkpoints)) == make(synthesizer)


@pytest.mark.parametrize(
    "values",
    [
        *({"temperature": temperature} for temperature in (5e-324, 1e-40, 1e-7, 1e-6, 1e-5, 1e300)),
        *({"cfg_coef": coefficient} for coefficient in (-100.0, 0.0, 1.0, 100.0)),
        *({"top_k": k} for k in (1, 63, 64, 65, 10**12)),
        *({"top_p": p} for p in (5e-324, 1e-40, 1e-12, 0.999999999, 1.0)),
        {"temperature": 1e-6, "cfg_coef": 100.0, "top_p": 1e-40},
        {"temperature": 1e300, "cfg_coef": -100.0, "top_p": 1.0, "top_k": 1},
    ],
    ids=str,
)
def test_the_extremes_that_are_allowed_make_music(synthesizer: AudioCraftSynthesizer, values: dict[str, Any]) -> None:
    assert soundfile.info(io.BytesIO(make(synthesizer, **values))).frames == 32_000


@hypothesis_settings(max_examples=10)
@given(
    description=st.text(min_size=1, max_size=200),
    seed=st.integers(0, 2**53 - 1),
    top_k=st.integers(1, 10**15),
    top_p=st.floats(0, 1),
    temperature=st.floats(0, exclude_min=True, allow_infinity=False),
    cfg_coef=st.floats(-100, 100),
)
def test_whatever_is_allowed_makes_music(synthesizer: AudioCraftSynthesizer, **values: Any) -> None:
    assert soundfile.info(io.BytesIO(make(synthesizer, **values))).frames == 32_000


@pytest.mark.parametrize("token", ["</s>", "<pad>", "<unk>", "<extra_id_0>"])
def test_a_control_token_of_the_tokenizer_is_text_in_a_prompt(
    synthesizer: AudioCraftSynthesizer, spy: Spy, token: str
) -> None:
    make(synthesizer, description=f"slow{token}sad piano")
    (text,) = spy.calls[0]["texts"]
    assert token not in text
    assert text.startswith("slow")
    assert text.endswith("sad piano")


def test_progress_runs_through_the_phases_without_falling(checkpoints: Checkpoints) -> None:
    synthesizer = a_synthesizer(checkpoints)
    for phases in ([Phase.LOADING, Phase.GENERATING, Phase.DECODING], [Phase.GENERATING, Phase.DECODING]):
        monitor = RecordingMonitor()
        synthesizer.synthesize(short(), monitor)
        assert monitor.percents == sorted(monitor.percents)
        assert monitor.percents[-1] < 100
        assert [phase for phase in dict.fromkeys(monitor.phases) if phase in phases] == phases
        assert monitor.phases.count(Phase.GENERATING) == 1 + 53  # the start, 50 frames and the delay


def silent(runner: EagerRunner, codes: torch.Tensor) -> torch.Tensor:
    """Logits of no preference, to save the transformer's time."""
    return torch.zeros(runner.state.rows, codes.shape[1], 64)


def test_progress_is_right_past_one_window(synthesizer: AudioCraftSynthesizer, monkeypatch: pytest.MonkeyPatch) -> None:
    make(synthesizer)  # loads the model
    monkeypatch.setattr(EagerRunner, "step", silent)
    monitor = RecordingMonitor()
    music = synthesizer.synthesize(short(duration=31), monitor)
    assert monitor.percents == sorted(monitor.percents)
    assert monitor.phases.count(Phase.GENERATING) == 1 + 31 * 50 + 2 * 3
    generating = [
        percent for percent, phase in zip(monitor.percents, monitor.phases, strict=True) if phase is Phase.GENERATING
    ]
    assert generating[-1] == pytest.approx(100 * 90 / 95)
    assert monitor.phases.count(Phase.DECODING) == 1 + 31 + 1  # the start, a piece for each second, and what was held
    assert monitor.percents[-1] == LAST_BEFORE_THE_END
    assert soundfile.info(io.BytesIO(wav_of(music))).frames == 31 * 32_000


@pytest.mark.parametrize("stop_at", [1, 2, 3, 20, 50, 55])
def test_a_job_stops_at_whatever_check_and_leaves_the_model_as_it_was(
    synthesizer: AudioCraftSynthesizer, stop_at: int
) -> None:
    before = make(synthesizer)
    monitor = RecordingMonitor(stop_at)
    with pytest.raises(Cancelled):
        synthesizer.synthesize(short(seed=9), monitor)
    assert monitor.checks == stop_at
    assert make(synthesizer) == before


@pytest.mark.parametrize("stop_at", [1, 2, 3, 4])
def test_a_job_stops_between_the_steps_of_loading(checkpoints: Checkpoints, stop_at: int) -> None:
    synthesizer = a_synthesizer(checkpoints)
    with pytest.raises(Cancelled):
        synthesizer.synthesize(short(), RecordingMonitor(stop_at))
    assert synthesizer.backends == {}


def test_the_start_up_load_loads_the_default_model(checkpoints: Checkpoints) -> None:
    synthesizer = a_synthesizer(checkpoints)
    synthesizer.preload(RecordingMonitor())
    assert synthesizer.backends.keys() == {"test/mono"}


def test_a_model_is_freed_for_real_before_the_next_one_is_loaded(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[int] = []
    models: list[weakref.ref[Any]] = []
    load = model_store.build_musicgen

    def load_and_remember(*arguments: Any) -> LoadedModel:
        alive.append(sum(model() is not None for model in models))
        model = load(*arguments)
        models.extend([weakref.ref(model), weakref.ref(model.lm), weakref.ref(model.compression_model)])
        return model

    monkeypatch.setattr(model_store, "build_musicgen", load_and_remember)
    synthesizer = a_synthesizer(checkpoints, max_models=1)
    make(synthesizer)
    with pytest.raises(Cancelled):
        synthesizer.synthesize(short(), RecordingMonitor(20))
    make(synthesizer, model="test/stereo")
    make(synthesizer)
    assert alive == [0, 0, 0]
    assert synthesizer.backends.keys() == {"test/mono"}


def test_asking_for_a_model_that_cannot_be_had_costs_nobody_the_loaded_one(checkpoints: Checkpoints) -> None:
    synthesizer = a_synthesizer(checkpoints, max_models=1)
    make(synthesizer)
    with pytest.raises(ModelOffline):
        make(synthesizer, model="facebook/musicgen-small")
    assert synthesizer.backends.keys() == {"test/mono"}
    monitor = RecordingMonitor()
    synthesizer.synthesize(short(), monitor)
    assert set(monitor.phases) == {Phase.LOADING, Phase.GENERATING, Phase.DECODING}


def test_an_idle_model_is_unloaded_and_loaded_again_when_it_is_asked_for(checkpoints: Checkpoints) -> None:
    synthesizer = a_synthesizer(checkpoints, model_idle_s=1e-9)
    first = make(synthesizer)
    assert synthesizer.release_idle() is None
    assert synthesizer.backends == {}
    assert make(synthesizer) == first


def test_a_model_that_cannot_be_loaded_says_so_and_the_next_one_works(
    checkpoints: Checkpoints, synthesizer: AudioCraftSynthesizer
) -> None:
    settings = Settings(models=f"test/mono={checkpoints.mono},test/gone=/srv/gone", device="cpu")
    other = AudioCraftSynthesizer(settings, Catalog(settings))
    with pytest.raises(ModelNotFound) as caught:
        make(other, model="test/gone")
    assert "/srv" not in caught.value.message
    assert make(other) == make(synthesizer)


@pytest.mark.parametrize(("asked", "cores", "used"), [(0, 1, 1), (0, 64, 4), (3, 1, 3)])
def test_the_model_gets_no_more_threads_than_the_process_has_cores_unless_the_operator_says_so(
    asked: int, cores: int, used: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("joblib.cpu_count", lambda: cores)
    settings = Settings(device="cpu", threads=asked)
    with torch_threads(4):
        AudioCraftSynthesizer(settings, Catalog(settings))
        assert torch.get_num_threads() == used


def test_a_device_that_is_not_there_is_said_by_name() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    settings = Settings(device="cuda:3")
    with pytest.raises(DeviceMissing, match="cuda"):
        AudioCraftSynthesizer(settings, Catalog(settings))


def codes_of(take: Take) -> Codes:
    assert take.codes is not None
    return take.codes


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize(("model", "codebooks"), [("test/mono", 4), ("test/stereo", 8)])
def test_the_codes_of_a_take_are_those_that_its_sound_was_decoded_from(
    synthesizer: AudioCraftSynthesizer, model: str, codebooks: int, live: bool
) -> None:
    take = synthesizer.synthesize(short(model=model, duration=3, live=live), RecordingMonitor()).takes[0]
    codes, loaded = codes_of(take), synthesizer._store.held()[model]
    assert (codes.ids.shape, codes.cardinality, codes.frame_rate) == ((codebooks, 150), loaded.lm.card, 50.0)
    ids = torch.from_numpy(codes.ids.astype(np.int64))[None]
    with torch.no_grad():
        decoded = loaded.compression_model.decode(ids)[0].numpy()
    assert np.abs(take.waveform - decoded).max() < 1e-4  # -80 dB
    changed = (ids + 1) % codes.cardinality
    with torch.no_grad():
        assert np.abs(take.waveform - loaded.compression_model.decode(changed)[0].numpy()).max() > 1e-3


def test_a_codec_is_named_by_its_codebooks(checkpoints: Checkpoints, synthesizer: AudioCraftSynthesizer) -> None:
    name = codes_of(synthesizer.synthesize(short(), RecordingMonitor()).takes[0]).codec
    again = a_synthesizer(checkpoints)
    assert codes_of(again.synthesize(short(seed=2), RecordingMonitor()).takes[0]).codec == name
    model = dataclasses.replace(again._store.held()["test/mono"])
    embeddings = [value for key, value in model.compression_model.state_dict().items() if key.endswith(".embed")]
    assert len(embeddings) == 4
    embeddings[-1][0, 0] += 1
    assert model.codec != name


@pytest.mark.parametrize("model", ["test/mono", "test/stereo"])
def test_each_take_is_what_its_seed_alone_gives(synthesizer: AudioCraftSynthesizer, model: str) -> None:
    music = synthesizer.synthesize(short(model=model, seed=5, takes=3), RecordingMonitor())
    assert [take.seed for take in music.takes] == [5, 6, 7]
    for take in music.takes:
        alone = synthesizer.synthesize(short(model=model, seed=take.seed), RecordingMonitor())
        assert np.array_equal(take.waveform, alone.takes[0].waveform)
        assert np.array_equal(codes_of(take).ids, codes_of(alone.takes[0]).ids)


def test_takes_are_counted_and_can_be_stopped_like_one_piece(synthesizer: AudioCraftSynthesizer) -> None:
    make(synthesizer)
    monitor = RecordingMonitor()
    synthesizer.synthesize(short(takes=2), monitor)
    assert monitor.percents == sorted(monitor.percents)
    assert monitor.percents[-1] == LAST_BEFORE_THE_END
    with pytest.raises(Cancelled):
        synthesizer.synthesize(short(takes=2), RecordingMonitor(monitor.checks - 1))


def test_sections_are_one_piece_and_the_first_begins_as_it_would_alone(synthesizer: AudioCraftSynthesizer) -> None:
    sections = (Section("slow sad piano", 2), Section("upbeat techno", 1))
    piece = synthesizer.synthesize(short(duration=3, sections=sections), RecordingMonitor()).takes[0].waveform
    other = (sections[0], Section("happy rock with loud guitars", 1))
    varied = synthesizer.synthesize(short(duration=3, sections=other), RecordingMonitor()).takes[0].waveform
    assert piece.shape == (1, 3 * 32_000)
    assert np.array_equal(piece[:, :60_000], varied[:, :60_000])
    assert not np.array_equal(piece[:, 64_000:], varied[:, 64_000:])


@pytest.mark.parametrize("model", ["test/mono", "test/stereo"])
def test_live_sound_is_the_whole_piece_without_gaps(synthesizer: AudioCraftSynthesizer, model: str) -> None:
    request = short(model=model, duration=4)
    whole = synthesizer.synthesize(request, RecordingMonitor()).takes[0].waveform
    monitor = RecordingMonitor()
    music = synthesizer.synthesize(dataclasses.replace(request, live=True), monitor)
    sounds = np.concatenate([sound.samples for sound in monitor.sounds], axis=1)
    starts = np.cumsum([0, *(sound.samples.shape[1] for sound in monitor.sounds)])[:-1]
    assert [round(sound.start_s * 32_000) for sound in monitor.sounds] == starts.tolist()
    assert len(monitor.sounds) >= 4
    assert monitor.sounds[0].samples.shape[1] <= 32_000
    assert np.abs(music.takes[0].waveform - whole).max() < 1e-4  # -80 dB
    assert np.abs(sounds / 32_767 - whole).max() < 1e-4


def test_live_sound_comes_while_the_piece_is_made(synthesizer: AudioCraftSynthesizer) -> None:
    monitor = RecordingMonitor()
    progress_at_sound: list[float] = []
    monitor.sound = lambda sound: progress_at_sound.append(monitor.percents[-1])  # type: ignore[method-assign]
    synthesizer.synthesize(short(duration=10, live=True), monitor)
    assert progress_at_sound[0] < 20, "after one second of ten"
    assert len(progress_at_sound) >= 10
