"""MultiBand Diffusion on real, tiny models, alone and as a request's `mbd`."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch
from audiocraft.models.musicgen import MusicGen

from musicgen_api.domain.errors import Cancelled, DiffusionUnavailable
from musicgen_api.domain.request import Phase
from musicgen_api.engine import Engine
from musicgen_api.generation.diffusion import CALLS_PER_BAND, Diffusion, fetch
from musicgen_api.generation.synthesizer import AudioCraftSynthesizer
from musicgen_api.models.catalog import Catalog
from musicgen_api.models.loading import load_musicgen
from musicgen_api.settings import Settings
from tests.conftest import Checkpoints
from tests.helpers import checkpoint_configs
from tests.helpers.checkpoints import build_diffusion
from tests.helpers.fakes import RecordingMonitor, a_request, wav_of

CPU = torch.device("cpu")
BANDS = 4
HUB_ID = "facebook/multiband-diffusion"


@pytest.fixture(scope="module")
def mono(checkpoints: Checkpoints) -> MusicGen:
    return load_musicgen("test/mono", str(checkpoints.mono), CPU, RecordingMonitor())


@pytest.fixture(scope="module")
def stereo(checkpoints: Checkpoints) -> MusicGen:
    return load_musicgen("test/stereo", str(checkpoints.stereo), CPU, RecordingMonitor())


@pytest.fixture(scope="module")
def diffusion(checkpoints: Checkpoints, mono: MusicGen) -> Diffusion:
    diffusion = Diffusion(str(checkpoints.diffusion), CPU)
    diffusion.prepare(mono, RecordingMonitor())
    return diffusion


def nothing() -> None:
    """What `decode` is told to do before each call where a test does not care."""


@pytest.mark.parametrize(("name", "codebooks", "channels"), [("mono", 4, 1), ("stereo", 8, 2)])
def test_tokens_become_a_waveform_by_as_many_calls_as_announced(
    request: pytest.FixtureRequest, diffusion: Diffusion, name: str, codebooks: int, channels: int
) -> None:
    model = request.getfixturevalue(name)
    diffusion.prepare(model, RecordingMonitor())
    calls: list[None] = []
    tokens = torch.randint(64, (1, codebooks, 50), generator=torch.Generator().manual_seed(0))
    waveform = diffusion.decode(model, tokens, lambda: calls.append(None))
    assert waveform.shape == (1, channels, 32_000)
    assert torch.isfinite(waveform).all()
    assert not waveform.requires_grad
    assert len(calls) == diffusion.calls(model) == CALLS_PER_BAND * BANDS * channels


def test_left_and_right_are_decoded_from_their_own_codes(diffusion: Diffusion, stereo: MusicGen) -> None:
    tokens = torch.zeros(1, 8, 50, dtype=torch.long)
    tokens[:, 1::2] = torch.arange(50) % 64  # the right channel's codebooks
    torch.manual_seed(0)
    waveform = diffusion.decode(stereo, tokens, nothing)
    torch.manual_seed(0)
    left = diffusion.decode(stereo, torch.zeros_like(tokens), nothing)
    assert torch.equal(waveform[:, 0], left[:, 0])
    assert not torch.equal(waveform[:, 1], left[:, 1])


@pytest.mark.parametrize("stop_at", [1, 21, 79])
def test_every_call_may_be_the_last_and_nothing_is_left_of_it(
    diffusion: Diffusion, mono: MusicGen, stop_at: int
) -> None:
    calls: list[None] = []

    def stop() -> None:
        calls.append(None)
        if len(calls) == stop_at:
            raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        diffusion.decode(mono, torch.zeros(1, 4, 50, dtype=torch.long), stop)
    assert len(calls) == stop_at
    diffusion.decode(mono, torch.zeros(1, 4, 10, dtype=torch.long), nothing)
    assert len(calls) == stop_at  # no hook is left


def test_released_models_are_loaded_again(checkpoints: Checkpoints, mono: MusicGen) -> None:
    diffusion = Diffusion(str(checkpoints.diffusion), CPU)
    diffusion.prepare(mono, RecordingMonitor())
    diffusion.release()
    assert diffusion.calls(mono) == 0
    diffusion.prepare(mono, RecordingMonitor())
    assert diffusion.calls(mono) == CALLS_PER_BAND * BANDS


def test_the_published_weights_are_not_even_fetched_for_another_codec(mono: MusicGen) -> None:
    monitor = RecordingMonitor()
    with pytest.raises(DiffusionUnavailable, match="not trained for the codec of test/mono"):
        Diffusion(HUB_ID, CPU).prepare(mono, monitor)
    assert not monitor.downloads


def a_misfit(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make diffusion models for a codec of another width."""
    monkeypatch.setattr(checkpoint_configs, "LATENT_WIDTH", 16)
    build_diffusion(file)


def empty(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_bytes(b"")


def garbage(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_bytes(b"no checkpoint at all")


def foreign(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"weights": torch.zeros(3)}, file)


def a_list(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save([1, 2, 3], file)


def pointer(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")


def not_finite(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = torch.load(build_diffusion(file), weights_only=False)
    next(iter(package[2]["model_state"].values())).fill_(torch.nan)
    torch.save(package, file)


WRONG_FILES: dict[Callable[..., None], str] = {
    a_misfit: "does not fit the codec",
    empty: "mbd.th is empty",
    garbage: "mbd.th is in no format that is known here",
    foreign: "mbd.th is damaged, or holds something else",
    a_list: "mbd.th holds a list",
    pointer: "mbd.th is a Git LFS pointer",
    not_finite: "Band 2 of mbd.th: the tensor .* holds weights that are not finite",
}


@pytest.mark.parametrize(("write", "says"), WRONG_FILES.items())
def test_a_file_that_cannot_be_used_says_so_without_its_path(
    mono: MusicGen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[..., None], says: str
) -> None:
    file = tmp_path / "mbd.th"
    write(file, monkeypatch)
    with pytest.raises(DiffusionUnavailable, match=r"^MultiBand Diffusion \(mbd\) .*\.$") as caught:
        Diffusion(str(file), CPU).prepare(mono, RecordingMonitor())
    assert re.search(says, caught.value.message)
    assert str(tmp_path) not in caught.value.message


class Exploit:
    """What a pickle does that is loaded without `weights_only`."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        """Write a file."""
        return (Path.write_text, (self._file, "owned"))


def test_the_file_runs_no_code_whatever_torch_s_default_is(
    mono: MusicGen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # the default, turned round as torch allows
    trap = tmp_path / "trap"
    torch.save({"n_bands": Exploit(trap)}, tmp_path / "mbd.th")
    with pytest.raises(DiffusionUnavailable, match=r"mbd\.th holds Python objects besides weights"):
        Diffusion(str(tmp_path / "mbd.th"), CPU).prepare(mono, RecordingMonitor())
    assert not trap.exists()


@pytest.mark.parametrize("source", ["/srv/gone/mbd.th", "./gone/mbd.th", "gone/models/mbd.th", "gone"])
def test_a_file_that_is_not_there_says_so_without_its_path(source: str) -> None:
    with pytest.raises(DiffusionUnavailable, match=r"^MultiBand Diffusion \(mbd\) .*\.$") as caught:
        fetch(source, RecordingMonitor())
    assert "/srv" not in caught.value.message


def synthesizer_with(diffusion: str, checkpoints: Checkpoints) -> AudioCraftSynthesizer:
    models = f"test/mono={checkpoints.mono},test/stereo={checkpoints.stereo}"
    settings = Settings(models=models, default_model="test/mono", diffusion=diffusion, device="cpu")
    return AudioCraftSynthesizer(settings, Catalog(settings))


@pytest.mark.parametrize(("model", "channels"), [("test/mono", 1), ("test/stereo", 2)])
def test_a_request_with_mbd_gets_its_wav_with_progress(checkpoints: Checkpoints, model: str, channels: int) -> None:
    synthesizer = synthesizer_with(str(checkpoints.diffusion), checkpoints)
    monitor = RecordingMonitor()
    music = synthesizer.synthesize(a_request(model=model, mbd=True, duration=1), monitor)
    with soundfile.SoundFile(io.BytesIO(wav_of(music))) as sound:
        assert (len(sound), sound.channels, sound.samplerate) == (32_000, channels, 32_000)
    assert list(dict.fromkeys(monitor.phases)) == [Phase.LOADING, Phase.GENERATING, Phase.DIFFUSING]
    assert monitor.phases.count(Phase.DIFFUSING) == 1 + CALLS_PER_BAND * BANDS * channels
    assert monitor.percents == sorted(monitor.percents)
    assert 99 < monitor.percents[-1] < 100


def test_mbd_changes_the_sound_and_the_seed_repeats_it(checkpoints: Checkpoints) -> None:
    synthesizer = synthesizer_with(str(checkpoints.diffusion), checkpoints)
    plain, first, again = (
        wav_of(synthesizer.synthesize(a_request(model="test/mono", mbd=mbd, duration=1), RecordingMonitor()))
        for mbd in (False, True, True)
    )
    assert first == again
    assert first != plain


def test_a_job_is_cancelled_in_the_midst_of_the_diffusion(checkpoints: Checkpoints) -> None:
    synthesizer = synthesizer_with(str(checkpoints.diffusion), checkpoints)
    request = a_request(model="test/mono", mbd=True, duration=1)
    monitor = RecordingMonitor()
    synthesizer.synthesize(request, monitor)
    stopped = RecordingMonitor(stop_at=110)  # 53 steps and 57 calls, about
    with pytest.raises(Cancelled):
        synthesizer.synthesize(request, stopped)
    assert stopped.phases[-1] is Phase.DIFFUSING
    assert stopped.checks == 110


@pytest.mark.parametrize("source", [HUB_ID, "broken"])
def test_what_does_not_work_is_said_before_a_token_is_generated(
    checkpoints: Checkpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    def generate(*arguments: object, **parameters: object) -> None:
        raise AssertionError("no token should be generated")

    monkeypatch.setattr(Engine, "generate", generate)
    (tmp_path / "mbd.th").write_bytes(b"no checkpoint at all")
    source = str(tmp_path / "mbd.th") if source == "broken" else source
    with pytest.raises(DiffusionUnavailable):
        synthesizer_with(source, checkpoints).synthesize(a_request(model="test/mono", mbd=True), RecordingMonitor())


def test_the_diffusion_is_released_with_the_last_idle_model(checkpoints: Checkpoints) -> None:
    models = f"test/mono={checkpoints.mono}"
    settings = Settings(models=models, diffusion=str(checkpoints.diffusion), device="cpu", model_idle_s=1e-9)
    synthesizer = AudioCraftSynthesizer(settings, Catalog(settings))
    request = a_request(model="test/mono", mbd=True, duration=1)
    first = wav_of(synthesizer.synthesize(request, RecordingMonitor()))
    synthesizer.release_idle()
    assert synthesizer.backends == {}
    assert wav_of(synthesizer.synthesize(request, RecordingMonitor())) == first
