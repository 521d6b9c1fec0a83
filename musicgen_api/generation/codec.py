"""Codes <-> waveform, piece by piece: the joined pieces are what the codec makes of everything at once.

The layers remember what the next piece needs (`codec_layers.py`). A codec with other layers works at once, behind the
same interface.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from audiocraft.models.encodec import (
    CompressionModel,
    EncodecModel,
    HFEncodecCompressionModel,
    InterleaveStereoCompressionModel,
)
from torch import Tensor, nn

from musicgen_api.engine.cpu.threads import torch_threads
from musicgen_api.generation.codec_layers import Uncuttable, layer_of

PIECE_S = 1.0
"""Music in one piece. Half of it costs facebook/encodec_32khz's size a fifth more time; twice as much saves little and
makes a cancel wait longer."""

NARROW = 4_000_000
"""A decoder of fewer weights runs in one thread. Its parallel regions are so short that on busy cores most of the time
would go into waiting for the other threads. The count is fixed for a codec, because the last bits depend on it."""


class CodecStream(Protocol):
    """Decodes one piece of music. The waveforms that it gives follow each other without a gap."""

    def push(self, codes: Tensor) -> Tensor:
        """Codes [B, K, n] that come next -> the waveform [B, C, m] that is settled by them; m may be 0."""

    def finish(self) -> Tensor:
        """The rest of the waveform [B, C, m]. At least one frame was pushed."""


def open_stream(codec: CompressionModel) -> CodecStream:
    """A stream that decodes by `codec`: in pieces where its layers can be cut, otherwise all of it in the end."""
    try:
        return _Pieces(codec)
    except Uncuttable:
        return _AtOnce(codec)


def decode(codec: CompressionModel, codes: Tensor, piece_s: float = PIECE_S) -> Iterator[Tensor]:
    """Codes [B, K, T] -> waveforms [B, C, m], which joined are `codec.decode(codes)`.

    Between two of them `piece_s` seconds of music are decoded, or all of it where the codec cannot be cut.
    """
    stream = open_stream(codec)
    for piece in torch.split(codes, max(round(piece_s * codec.frame_rate), 1), dim=-1):
        yield stream.push(piece)
    yield stream.finish()


def encode(codec: CompressionModel, waveform: Tensor, piece_s: float = PIECE_S) -> Iterator[Tensor]:
    """A waveform [B, C, T] of whole frames -> codes [B, K, n], n may be 0, which joined are `codec.encode(waveform)`.

    Between two of them `piece_s` seconds of music are encoded, or all of it where the codec cannot be cut.
    """
    samples = round(codec.sample_rate / codec.frame_rate)
    assert waveform.shape[-1] % samples == 0, f"{waveform.shape[-1]} samples are not whole frames of {samples}"
    try:
        encoder = _Encoder(codec)
    except Uncuttable:
        with torch.no_grad():
            yield codec.encode(waveform)[0]
        return
    for piece in torch.split(waveform, max(round(piece_s * codec.frame_rate), 1) * samples, dim=-1):
        yield encoder.push(piece)
    yield encoder.push(waveform[..., :0], last=True)


class _AtOnce:
    """Collects the codes of a codec that cannot be cut."""

    def __init__(self, codec: CompressionModel) -> None:
        self._codec = codec
        self._codes: list[Tensor] = []

    def push(self, codes: Tensor) -> Tensor:
        self._codes.append(codes)
        return torch.empty(codes.shape[0], self._codec.channels, 0, device=codes.device)

    @torch.no_grad()
    def finish(self) -> Tensor:
        waveform: Tensor = self._codec.decode(torch.cat(self._codes, dim=-1), None)
        return waveform


class _Pieces:
    """Decodes by layers with a memory. Stereo is two rows of the batch, as its codec is a mono one."""

    def __init__(self, codec: CompressionModel) -> None:
        codec, self._stereo = _mono(codec)
        decoder: nn.Module
        if isinstance(codec, HFEncodecCompressionModel):
            decoder = codec.model.decoder
        elif isinstance(codec, EncodecModel):
            decoder = codec.decoder
        else:
            raise Uncuttable(type(codec).__name__)
        self._layer = _Layers(decoder)
        self._codec = codec
        self._nothing: Tensor | None = None

    def push(self, codes: Tensor) -> Tensor:
        if self._stereo is not None:
            codes = torch.cat(self._stereo.get_left_right_codes(codes))
        with torch.no_grad():
            latent = self._codec.decode_latent(codes)
        self._nothing = latent[..., :0]
        return self._run(latent, last=False)

    def finish(self) -> Tensor:
        assert self._nothing is not None, "nothing was pushed"
        return self._run(self._nothing, last=True)

    def _run(self, latent: Tensor, *, last: bool) -> Tensor:
        waveform = self._layer(latent, last=last)
        return waveform if self._stereo is None else torch.cat(waveform.chunk(2), dim=1)


class _Encoder:
    """Encodes by layers with a memory. Each frame is quantised by itself."""

    def __init__(self, codec: CompressionModel) -> None:
        codec, self._stereo = _mono(codec)
        if isinstance(codec, HFEncodecCompressionModel) and not codec.model.config.normalize:
            self._layer = _Layers(codec.model.encoder)
        elif isinstance(codec, EncodecModel) and not codec.renormalize:
            self._layer = _Layers(codec.encoder)
        else:  # another kind, or one that measures the loudness of the whole first
            raise Uncuttable(type(codec).__name__)
        self._codec = codec

    @torch.no_grad()
    def push(self, waveform: Tensor, *, last: bool = False) -> Tensor:
        """The next samples [B, C, n] -> the codes [B, K, m] that are settled by them; nothing follows the `last`."""
        if self._stereo is not None:
            waveform = torch.cat(waveform.chunk(2, dim=1))
        codes = self._quantised(self._layer(waveform, last=last))
        # Left and right by turns, codebook by codebook: the inverse of `get_left_right_codes`.
        return codes if self._stereo is None else torch.stack(codes.chunk(2), dim=2).flatten(1, 2)

    def _quantised(self, latent: Tensor) -> Tensor:
        if latent.shape[-1] == 0:
            return torch.empty(len(latent), self._codec.num_codebooks, 0, dtype=torch.long, device=latent.device)
        codes: Tensor
        if isinstance(self._codec, HFEncodecCompressionModel):
            which = self._codec.possible_num_codebooks.index(self._codec.num_codebooks)
            bandwidth = self._codec.model.config.target_bandwidths[which]
            codes = self._codec.model.quantizer.encode(latent, bandwidth).transpose(0, 1)
        else:
            codes = self._codec.quantizer.encode(latent)
        return codes


class _Layers:
    """An encoder or a decoder whose layers remember. Raises `Uncuttable`."""

    def __init__(self, module: nn.Module) -> None:
        with torch.no_grad():
            self._layer = layer_of(module)
        self._narrow = sum(parameter.numel() for parameter in module.parameters()) < NARROW

    @torch.no_grad()
    def __call__(self, x: Tensor, *, last: bool) -> Tensor:
        with torch_threads(1 if self._narrow else torch.get_num_threads()):
            return self._layer(x, last=last)


def _mono(codec: CompressionModel) -> tuple[CompressionModel, InterleaveStereoCompressionModel | None]:
    """The codec of one channel, and the one that it stands in where left and right are rows of the batch."""
    if isinstance(codec, InterleaveStereoCompressionModel) and not codec.per_timestep:
        return codec.model, codec
    return codec, None
