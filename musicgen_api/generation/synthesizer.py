"""One request -> one piece of music."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import joblib
import numpy as np
import numpy.typing as npt
import torch

from musicgen_api.audio.shape import overlap_s
from musicgen_api.domain.errors import DeviceMissing, GenerationFailed
from musicgen_api.domain.progress import ProgressMeter
from musicgen_api.domain.recipe import Codes
from musicgen_api.domain.request import (
    AS_ASKED,
    Backend,
    Monitor,
    Music,
    MusicRequest,
    Phase,
    Reading,
    Sound,
    Take,
)
from musicgen_api.engine import Sampling
from musicgen_api.generation import codec
from musicgen_api.generation.diffusion import Diffusion
from musicgen_api.generation.frames import generate
from musicgen_api.generation.melody import Melodies, follows
from musicgen_api.generation.plan import Plan, make_plan
from musicgen_api.generation.seeds import as_default, seeded_generator
from musicgen_api.generation.uploads import known_codes
from musicgen_api.models.catalog import Catalog, CatalogEntry
from musicgen_api.models.device import device_failures
from musicgen_api.models.loaded_model import LoadedModel
from musicgen_api.models.loading import BackendChoice
from musicgen_api.models.store import ModelStore
from musicgen_api.models.whole_pieces import check_whole_piece
from musicgen_api.settings import Settings
from musicgen_api.translation.translator import Translators

GREEDY_BELOW = 1e-6
"""Temperatures below are argmax: the softmax has long become a one there, and 1e-40 would divide to infinity."""


class AudioCraftSynthesizer:
    """Owns the device and the models. For one thread: the one that makes it."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        # torch knows of physical cores, joblib of the share of them that a container or a CPU set leaves.
        torch.set_num_threads(settings.threads or min(torch.get_num_threads(), joblib.cpu_count()))
        device = _choose_device(settings.device)
        self.backends: dict[str, Backend] = {}
        self._catalog = catalog
        self._diffusion = Diffusion(settings.diffusion, device)
        self._translators = Translators(
            settings.added_translators, translate=settings.translate == "auto", idle_s=settings.model_idle_s
        )
        self._melodies = Melodies(settings.melody_separation, device)
        self._store = ModelStore(
            device,
            capacity=settings.max_models,
            idle_s=settings.model_idle_s,
            choice=BackendChoice(settings.engine, settings.precision, settings.step, settings.cuda_graphs),
            on_change=self._note_backends,
            make_room=self._translators.release,
        )

    @property
    def default_model_loaded(self) -> bool:
        """The default model is in memory."""
        return self._catalog.default_id in self.backends

    def preload(self, monitor: Monitor) -> None:
        """Load the default model. Raises as `synthesize` does."""
        entry = self._catalog.find(self._catalog.default_id)
        with device_failures(f"loading {entry.id}"):
            self._load(entry, monitor)

    def synthesize(self, request: MusicRequest, monitor: Monitor) -> Music:
        """Make the piece.

        Raises:
            ModelError: the model, or MultiBand Diffusion for it, cannot be used; no token was generated.
            OutOfMemory, DeviceLost: the device's fault.
            GenerationFailed: the result is no audio.
            Cancelled: or whatever `monitor.check` raises.
        """
        try:
            return self._synthesize(request, monitor)
        finally:
            self._store.touch()

    def release_idle(self) -> float | None:
        """Free models that are idle for too long; seconds until the next call makes sense."""
        timeouts_s = [self._store.release_idle(), self._translators.release_idle()]
        if not self.backends:
            self._diffusion.release()
        return min((timeout_s for timeout_s in timeouts_s if timeout_s is not None), default=None)

    def _synthesize(self, request: MusicRequest, monitor: Monitor) -> Music:
        entry = self._catalog.find(request.model)
        meter = ProgressMeter(monitor, _shares(loading=entry not in self._store, diffusing=request.mbd))
        with device_failures(f"loading {entry.id}"):
            meter.enter(Phase.LOADING, 1)
            model = self._load(entry, monitor)
            if model.makes_whole_pieces:
                check_whole_piece(request, model.window_s)  # the catalogue does not know this of a model that was added
            if request.mbd:
                self._diffusion.prepare(model, monitor)
            if request.melody is not None:
                self._melodies.prepare(model, monitor)
        reading = self._read(request, entry, monitor)
        request = request.read_as(reading)
        with device_failures(f"generating {request.duration:g} s with {entry.id}"):
            plan = self._plan(model, request, lambda: meter.step(0))
            if request.live:
                waveform, codes = _generate_live(model, plan, request, meter, monitor)
                return _music([waveform], codes, model, request, reading)
            codes = torch.cat(list(_begin(model, plan, request, meter)), dim=-1)
            return _music(self._decode(model, codes, request, meter), codes, model, request, reading)

    def _load(self, entry: CatalogEntry, monitor: Monitor) -> LoadedModel:
        model = self._store.get(entry, monitor)
        if not entry.bundled:  # which reads most of what it is asked for
            self._translators.prepare()
        return model

    def _read(self, request: MusicRequest, entry: CatalogEntry, monitor: Monitor) -> Reading:
        """What the model reads in place of the request's descriptions; the monitor is told where it differs."""
        reading = self._translators.read(request.parts, entry.languages, monitor)
        if reading != AS_ASKED:
            monitor.read(reading)
        return reading

    def _plan(self, model: LoadedModel, request: MusicRequest, check: Callable[[], None]) -> Plan:
        """What is to be made, uploads included. `check` is called while these are worked on, and may raise."""
        kept, melody = request.continuation, request.melody
        return make_plan(
            model,
            request.parts,
            request.seeds,
            more_s=overlap_s(request.duration) if request.loop else 0.0,
            known=None if kept is None else known_codes(model, kept, check),
            melody=None if melody is None else self._melodies.tune(model, melody, request.duration, check),
        )

    def _decode(
        self, model: LoadedModel, codes: torch.Tensor, request: MusicRequest, meter: ProgressMeter
    ) -> list[torch.Tensor]:
        """Codes [B, K, T] -> a waveform [1, C, samples] for each of the B takes, one after the other."""
        if not request.mbd:
            meter.enter(Phase.DECODING, codes.shape[0] * codes.shape[-1] * model.sample_rate / model.frame_rate)
            return [_decode_in_pieces(model, take[None], meter) for take in codes]
        meter.enter(Phase.DIFFUSING, codes.shape[0] * self._diffusion.calls(model))
        return [self._diffuse(model, take[None], seed, meter) for take, seed in zip(codes, request.seeds, strict=True)]

    def _diffuse(self, model: LoadedModel, codes: torch.Tensor, seed: int, meter: ProgressMeter) -> torch.Tensor:
        with as_default(seeded_generator(seed, model.device)):
            return self._diffusion.decode(model, codes, meter.step)

    def _note_backends(self) -> None:
        held = self._store.held()
        self.backends = {model_id: model.backend for model_id, model in held.items()}
        if not any(follows(model) for model in held.values()):
            self._melodies.release()


def _choose_device(setting: str) -> torch.device:
    """The device that MUSICGEN_DEVICE means.

    Raises:
        DeviceMissing: it names a GPU that torch does not find.
    """
    if setting == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = setting.partition(":")
    if kind == "cuda":
        if int(index or 0) >= torch.cuda.device_count():
            raise DeviceMissing(f"MUSICGEN_DEVICE is {setting}, but torch finds {torch.cuda.device_count()} GPUs.")
        torch.cuda.set_device(int(index or 0))  # for this thread; AudioCraft's autocast takes no index
    return torch.device(kind)


def _shares(*, loading: bool, diffusing: bool) -> dict[Phase, float]:
    """Roughly how a job's time divides; exact within the counted phases."""
    shares = {Phase.LOADING: 5.0 if loading else 0.0, Phase.GENERATING: 90.0}
    return shares | ({Phase.DIFFUSING: 90.0} if diffusing else {Phase.DECODING: 5.0})


def _begin(model: LoadedModel, plan: Plan, request: MusicRequest, meter: ProgressMeter) -> Iterator[torch.Tensor]:
    """The frames [B, K, n] of the request's takes as they are decided; every step is counted and may be the last."""
    sampling = Sampling(
        use_sampling=request.temperature >= GREEDY_BELOW,
        temperature=request.temperature,
        top_k=min(request.top_k, model.lm.card),
        top_p=request.top_p,
    )
    meter.enter(Phase.GENERATING, plan.steps)
    return generate(plan, model, sampling, guidance=request.cfg_coef, on_step=meter.step)


def _generate_live(
    model: LoadedModel, plan: Plan, request: MusicRequest, meter: ProgressMeter, monitor: Monitor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The waveform [1, C, samples] and its codes [1, K, T]; each second is sent as soon as it is settled."""
    stream = codec.open_stream(model.compression_model)
    pieces: list[torch.Tensor] = []
    sent = 0

    def send(piece: torch.Tensor) -> None:
        nonlocal sent
        if piece.shape[-1]:
            pieces.append(piece)
            monitor.sound(Sound(sent / model.sample_rate, _quantised(piece), model.sample_rate))
            sent += piece.shape[-1]

    decided: list[torch.Tensor] = []
    waiting: list[torch.Tensor] = []
    second = round(codec.PIECE_S * model.frame_rate)
    for new in _begin(model, plan, request, meter):
        for frames in torch.split(new, second, dim=-1):  # what an upload gives comes all at once
            monitor.check()
            decided.append(frames)
            waiting.append(frames)
            if sum(part.shape[-1] for part in waiting) >= second:
                send(stream.push(torch.cat(waiting, dim=-1)))
                waiting = []
    if waiting:
        send(stream.push(torch.cat(waiting, dim=-1)))
    send(stream.finish())
    return torch.cat(pieces, dim=-1), torch.cat(decided, dim=-1)


def _quantised(waveform: torch.Tensor) -> npt.NDArray[np.int16]:
    """A waveform [1, C, n] as 16 bit samples [C, n], cut off where it is too loud: the whole level is not known yet."""
    samples: npt.NDArray[np.int16] = np.rint(np.clip(_finite(waveform), -1.0, 1.0) * 32767.0).astype(np.int16)
    return samples


def _decode_in_pieces(model: LoadedModel, codes: torch.Tensor, meter: ProgressMeter) -> torch.Tensor:
    """Codes [1, K, T] -> waveform [1, C, samples] by the codec; every piece is counted and may be the last."""
    pieces: list[torch.Tensor] = []
    for piece in codec.decode(model.compression_model, codes):
        pieces.append(piece)
        meter.step(piece.shape[-1])
    return torch.cat(pieces, dim=-1)


def _music(
    waveforms: list[torch.Tensor], codes: torch.Tensor, model: LoadedModel, request: MusicRequest, reading: Reading
) -> Music:
    """A waveform [1, C, samples] for each of the B takes, and what they were decoded from, [B, K, T]."""
    takes = [
        Take(seed, _finite(waveform), _kept(ids, model), reading)
        for seed, waveform, ids in zip(request.seeds, waveforms, codes, strict=True)
    ]
    return Music(tuple(takes), model.sample_rate)


def _kept(ids: torch.Tensor, model: LoadedModel) -> Codes:
    """Codes [K, T] as they stand in a recipe."""
    return Codes(ids.cpu().numpy().astype(np.uint16), model.lm.card, model.frame_rate, model.codec)


def _finite(waveform: torch.Tensor) -> npt.NDArray[np.float32]:
    """A waveform [1, C, samples] as [C, samples]. Raises `GenerationFailed` where it holds NaN or infinity."""
    samples: npt.NDArray[np.float32] = waveform[0].float().cpu().numpy()
    if not np.isfinite(samples).all():
        raise GenerationFailed("The model made no audio with these parameters: it holds NaN or infinity.")
    return samples
