"""Anybody's file becomes samples. Pure: bytes in, numpy out; nothing on disk, nothing fetched.

    recording = read(file)                                   # as it is: mono or stereo, up to 48 kHz
    recording = read(file, sample_rate=32_000, channels=1)   # as a model takes it
    converted(recording, 32_000, channels=1)                 # the same, later

WAV, FLAC, MP3, Ogg, MP4 and WebM are read (`containers.py`), the sound of a video too. A file is somebody else's input:
it may be broken, endless, or lie about itself. It is decoded packet by packet, and `Limits` hold at each. What cannot
be had within them is `UnreadableSound`, a `ValueError` whose text is for the sender (the routes add the field's name).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from musicgen_api.audio import wav
from musicgen_api.audio.containers import DECODERS, Container, UnreadableSound, opened, sniff
from musicgen_api.audio.formats import HIGHEST_RATE, LOWEST_RATE
from musicgen_api.audio.level import Samples
from musicgen_api.audio.mixing import to_channels, to_stereo_at_most
from musicgen_api.audio.resample import Resampler, resample
from musicgen_api.domain.request import Recording

__all__ = ["Limits", "UnreadableSound", "converted", "read"]

_HIGHEST_KEPT = 48_000
"""Hz. Ten minutes of stereo are 230 MB then; no model has a higher rate."""
_MOST_CHANNELS = 8
_DECLARING = (Container.WAV, Container.FLAC, Container.MP4)
"""Their headers say how long they are; of the others FFmpeg has but an estimate."""
_PADDING = 4096
"""Samples that a codec may have added at the end, at most."""
_BLOCK = 65_536
"""So many samples are converted at once."""
_SILENCE = 2**-15
"""Nothing is louder than one step of 16 bits."""


@dataclass(frozen=True)
class Limits:
    """What is read at most."""

    size: int = 64 * 2**20
    """Bytes."""
    duration_s: float = 600
    decoding_s: float = 20
    """By the clock: on a busy machine the waiting for others is part of it."""


def read(
    file: bytes, *, sample_rate: int | None = None, channels: int | None = None, limits: Limits | None = None
) -> Recording:
    """The file's first stream of sound.

    Args:
        file: the whole file.
        sample_rate: in Hz, to which the sound is resampled. None: its own, or 48 kHz where that is less.
        channels: 1 or 2; two become their mean, one becomes two. None: its own, more than two mixed down to two.
        limits: what is read at most.

    Raises:
        UnreadableSound: there is no sound, too much of it, only silence, or it cannot be decoded.
    """
    limits = limits or Limits()
    if not file:
        raise UnreadableSound("It is empty.")
    if len(file) > limits.size:
        raise UnreadableSound(f"It is {len(file)} bytes long; at most {limits.size} are read.")
    if (container := sniff(file)) is None:
        raise UnreadableSound("It is not a WAV, FLAC, MP3, Ogg, MP4 (M4A) or WebM file.")
    with opened(file, container, limits.decoding_s) as sound:
        if container is Container.WAV and wav.is_cut_off(file):
            raise UnreadableSound("It ends early: much of the sound that its header speaks of is not there.")
        stream = _stream_of(sound)
        declared_s = _declared_s(stream) if container in _DECLARING else None
        if declared_s is not None and declared_s > limits.duration_s:
            raise _too_long(f"It says that it lasts {declared_s:.0f} s", limits)
        recorded = _recorded(_frames(sound, stream, limits), declared_s, sample_rate, channels)
    return Recording(_within_bounds(recorded.samples), recorded.sample_rate)


def converted(recording: Recording, sample_rate: int, channels: int) -> Recording:
    """The same sound at another rate, in 1 or 2 channels."""
    mixed = to_channels(recording.samples, channels)
    return Recording(resample(mixed, recording.sample_rate, sample_rate), sample_rate)


def _stream_of(sound: InputContainer) -> AudioStream:
    if not sound.streams.audio:
        raise UnreadableSound("There is no sound in it.")
    stream = sound.streams.audio[0]
    decoder = stream.codec_context
    if decoder is None or decoder.name not in DECODERS:
        raise UnreadableSound(
            f"Its sound is coded as {decoder.name if decoder else 'nothing known'}: that is not read."
        )
    decoder.thread_count = 1
    return stream


def _declared_s(stream: AudioStream) -> float | None:
    """How long the header says that the sound is. None: it does not say, or too little to be meant."""
    if stream.duration is None or stream.time_base is None or stream.duration <= 0:
        return None
    return float(stream.duration * stream.time_base)


def _frames(sound: InputContainer, stream: AudioStream, limits: Limits) -> Iterator[AudioFrame]:
    """What the packets hold, as long as the clock and the length allow."""
    deadline = time.monotonic() + limits.decoding_s
    seconds, packets, damaged = 0.0, 0, 0
    for packet in sound.demux(stream):
        packets += 1
        try:
            frames = packet.decode()
        except av.InvalidDataError:  # a tag between the frames, a scratch: players go on, too
            frames, damaged = [], damaged + 1
        for frame in frames:
            assert isinstance(frame, AudioFrame)
            if not LOWEST_RATE <= frame.sample_rate <= HIGHEST_RATE:
                raise UnreadableSound(
                    f"Its sample rate is {frame.sample_rate} Hz; {LOWEST_RATE} to {HIGHEST_RATE} are read."
                )
            seconds += frame.samples / frame.sample_rate
            yield frame
        if seconds > limits.duration_s:
            raise _too_long("It goes on", limits)
        if time.monotonic() > deadline:
            raise UnreadableSound(f"It takes more than {limits.decoding_s:g} s to decode.")
    if damaged > 2 + packets // 10:
        raise UnreadableSound("Much of it is damaged.")


def _recorded(
    frames: Iterator[AudioFrame], declared_s: float | None, sample_rate: int | None, channels: int | None
) -> Recording:
    """The frames in one piece. They are converted block by block: nothing is held at a rate that nobody asked for."""
    first = next(frames, None)
    if first is None:
        raise UnreadableSound("There is no sound in it.")
    own_rate = first.sample_rate
    rate = sample_rate or min(own_rate, _HIGHEST_KEPT)
    blocks: list[Samples] = []
    resampler: Resampler | None = None
    length = 0
    for block in _blocks(chain([first], frames)):
        length += block.shape[1]
        mixed = block if channels is None else to_channels(block, channels)
        resampler = resampler or Resampler(own_rate, rate, len(mixed))
        blocks.append(resampler.add(mixed))
    assert resampler is not None
    blocks.append(resampler.finish())
    samples = np.concatenate(blocks, axis=1)
    if declared_s is None:
        return Recording(samples, rate)
    if length < (0.9 * declared_s - 0.1) * own_rate:
        raise UnreadableSound(f"It says that it lasts {declared_s:.1f} s, and ends after {length / own_rate:.1f} s.")
    if 0 < length - round(declared_s * own_rate) <= _PADDING:
        samples = samples[:, : round(declared_s * rate)]
    return Recording(samples, rate)


def _blocks(frames: Iterator[AudioFrame]) -> Iterator[Samples]:
    """[1 or 2, n], each of many frames."""
    kind: tuple[object, ...] | None = None
    waiting: list[npt.NDArray[Any]] = []
    names: list[str] = []
    length = 0
    for frame in frames:
        if kind is None:
            names = [channel.name for channel in frame.layout.channels]
        if kind not in (None, kind := (frame.sample_rate, frame.layout.name, frame.format.name)):
            raise UnreadableSound("Its sample rate or its channels change on the way.")
        if not 1 <= len(names) <= _MOST_CHANNELS:
            raise UnreadableSound(f"It has {len(names)} channels; 1 to {_MOST_CHANNELS} are read.")
        waiting.append(_planar(frame))
        length += frame.samples
        if length >= _BLOCK:
            yield to_stereo_at_most(_as_floats(np.concatenate(waiting, axis=1)), names)
            waiting, length = [], 0
    if waiting:
        yield to_stereo_at_most(_as_floats(np.concatenate(waiting, axis=1)), names)


def _planar(frame: AudioFrame) -> npt.NDArray[Any]:
    """[C, n] in the decoder's type."""
    array = frame.to_ndarray()
    return array if frame.format.is_planar else array.reshape(frame.samples, -1).T


def _as_floats(samples: npt.NDArray[Any]) -> Samples:
    """Nominally within -1 and 1, from whatever type."""
    if samples.dtype.kind == "f":
        return samples.astype(np.float32, copy=False)
    if samples.dtype == np.uint8:
        return _as_floats((samples.astype(np.int16) - 128) * 256)
    return samples.astype(np.float32) / np.float32(-float(np.iinfo(samples.dtype).min))


def _within_bounds(samples: Samples) -> Samples:
    loudest = float(np.abs(samples).max(initial=0.0))
    if not np.isfinite(loudest):
        raise UnreadableSound("Its samples hold NaN or infinity.")
    if loudest < _SILENCE:
        raise UnreadableSound("It is silent.")
    return (samples / loudest).astype(np.float32, copy=False) if loudest > 1 else samples


def _too_long(what: str, limits: Limits) -> UnreadableSound:
    return UnreadableSound(f"{what}; at most {limits.duration_s:g} s are read.")
