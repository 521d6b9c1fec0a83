"""The codec decodes in pieces what it decodes at once, whatever its layers are."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from audiocraft.models.encodec import (
    CompressionModel,
    EncodecModel,
    HFEncodecCompressionModel,
    InterleaveStereoCompressionModel,
)
from audiocraft.modules import SEANetDecoder, SEANetEncoder
from audiocraft.quantization import ResidualVectorQuantizer
from torch import Tensor, nn
from transformers import EncodecConfig
from transformers import EncodecModel as TransformersEncodec

from musicgen_api.engine.cpu.threads import torch_threads
from musicgen_api.generation import codec as codec_module
from musicgen_api.generation.codec import decode, encode, open_stream

FRAME_RATE_HZ = 50
WIDTH, CODEBOOKS, ENTRIES = 8, 2, 16
TOLERANCE = 1e-5
"""Of the loudest sample: -100 dB."""


def seanet(ratios: list[int], **values: Any) -> EncodecModel:
    """A small EnCodec of AudioCraft's."""
    quantizer = ResidualVectorQuantizer(dimension=WIDTH, n_q=CODEBOOKS, bins=ENTRIES, kmeans_init=False)
    common = {"dimension": WIDTH, "n_filters": 4, "ratios": ratios, "norm": "weight_norm"}
    decoder = SEANetDecoder(**common | values)
    decoder_only = ("final_activation", "trim_right_ratio")
    encoder = SEANetEncoder(**common | {name: value for name, value in values.items() if name not in decoder_only})
    hop = int(torch.tensor(ratios).prod())
    causal = bool(values.get("causal"))
    return EncodecModel(
        encoder, decoder, quantizer, FRAME_RATE_HZ, FRAME_RATE_HZ * hop, values.get("channels", 1), causal=causal
    ).eval()


def transformers_encodec(**values: Any) -> HFEncodecCompressionModel:
    """A small EnCodec of transformers', with random codebooks."""
    config = EncodecConfig(
        sampling_rate=1200,
        target_bandwidths=[FRAME_RATE_HZ * 4 * CODEBOOKS / 1000],
        codebook_size=ENTRIES,
        codebook_dim=WIDTH,
        hidden_size=WIDTH,
        num_filters=4,
        upsampling_ratios=[4, 3, 2],
        **values,
    )
    model = TransformersEncodec(config).eval()
    for layer in model.quantizer.layers:
        layer.codebook.embed.normal_()
    return HFEncodecCompressionModel(model)


def random_codes(codec: CompressionModel, frames: int, songs: int = 1) -> Tensor:
    return torch.randint(0, ENTRIES, (songs, codec.num_codebooks, frames))


def differences(codec: CompressionModel, codes: Tensor, frames: int) -> float:
    """The largest difference between pieces of that many frames and the whole, as a share of the loudest sample."""
    with torch.no_grad():
        whole = codec.decode(codes, None)
    pieces = torch.cat(list(decode(codec, codes, frames / codec.frame_rate)), dim=-1)
    assert pieces.shape == whole.shape
    return float((pieces - whole).abs().max() / whole.abs().max())


MONO = {
    "like the bundled model's": lambda: seanet([5, 4, 2], pad_mode="constant", n_residual_layers=1),
    "like facebook/encodec_32khz": lambda: seanet([5, 4, 2], pad_mode="reflect", n_residual_layers=1, lstm=2),
    "without a norm, even kernels": lambda: seanet([4, 3], norm="none", kernel_size=4, last_kernel_size=6),
    "dilated residuals, replicated ends": lambda: seanet([3, 2], n_residual_layers=3, pad_mode="replicate"),
    "convolved shortcuts, tanh at the end": lambda: seanet([2, 3], true_skip=False, final_activation="Tanh"),
    "spectral norm": lambda: seanet([3, 2], norm="spectral_norm"),
    "two channels of its own": lambda: seanet([4, 2], channels=2),
    "causal": lambda: seanet([4, 3, 2], causal=True, pad_mode="constant"),
    "causal, reflected": lambda: seanet([4, 3, 2], causal=True, lstm=2, n_residual_layers=2),
    "causal, trimmed on both sides": lambda: seanet([5, 3], causal=True, trim_right_ratio=0.4),
    "causal, trimmed on the left": lambda: seanet([5, 3], causal=True, trim_right_ratio=0.0, lstm=1),
    "transformers'": lambda: transformers_encodec(use_causal_conv=False),
    "transformers', causal": lambda: transformers_encodec(pad_mode="constant", trim_right_ratio=0.5),
    "transformers', identical shortcuts": lambda: transformers_encodec(use_conv_shortcut=False, num_residual_layers=2),
}
STEREO = {
    f"stereo of {name}": lambda mono=mono: InterleaveStereoCompressionModel(mono())
    for name, mono in MONO.items()
    if "two channels" not in name
}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("make", (MONO | STEREO).values(), ids=(MONO | STEREO).keys())
def test_the_pieces_are_the_whole(make: Callable[[], CompressionModel]) -> None:
    codec = make()
    for frames, piece in itertools.product([1, 2, 3, 8, 25], [1, 2, 7, 100]):
        assert differences(codec, random_codes(codec, frames), piece) < TOLERANCE, (frames, piece)


ENCODED = MONO | {name: STEREO[name] for name in ["stereo of like facebook/encodec_32khz", "stereo of transformers'"]}


@pytest.mark.parametrize("make", ENCODED.values(), ids=ENCODED.keys())
def test_the_codes_of_pieces_are_those_of_the_whole(make: Callable[[], CompressionModel]) -> None:
    codec = make()
    hop = round(codec.sample_rate / codec.frame_rate)
    for frames, piece in itertools.product([1, 3, 25], [1, 7]):
        waveform = torch.randn(2, codec.channels, frames * hop)
        with torch.no_grad():
            whole, _ = codec.encode(waveform)
        pieces = list(encode(codec, waveform, piece / codec.frame_rate))
        codes = torch.cat(pieces, dim=-1)
        assert codes.shape == whole.shape == (2, codec.num_codebooks, frames)
        assert (codes == whole).float().mean() > 0.98, (frames, piece)  # a tie may fall either way
        assert frames < 25 or sum(part.shape[-1] for part in pieces[:-1]) > frames / 2


def test_codes_of_pieces_without_a_memory_are_other_ones() -> None:
    codec = MONO["like facebook/encodec_32khz"]()
    waveform = torch.randn(1, 1, 800)
    with torch.no_grad():
        alone = torch.cat([codec.encode(half)[0] for half in waveform.chunk(2, dim=-1)], dim=-1)
        assert (alone == codec.encode(waveform)[0]).float().mean() < 0.98


@pytest.mark.parametrize("make", MONO.values(), ids=MONO.keys())
def test_every_codec_here_is_cut_and_holds_little_back(make: Callable[[], CompressionModel]) -> None:
    """A stream that gave nothing before its end would pass the test above."""
    codec = make()
    stream = open_stream(codec)
    hop = codec.sample_rate // int(codec.frame_rate)
    given = sum(stream.push(random_codes(codec, 1)).shape[-1] for _ in range(40))
    assert 25 * hop < given < 40 * hop + 1
    assert given + stream.finish().shape[-1] == codec.decode(random_codes(codec, 40), None).shape[-1]


def test_songs_of_a_batch_and_streams_of_a_codec_do_not_mix() -> None:
    codec = MONO["like facebook/encodec_32khz"]()
    assert differences(codec, random_codes(codec, 20, songs=3), 4) < TOLERANCE
    first, second = random_codes(codec, 10), random_codes(codec, 10)
    streams = [open_stream(codec), open_stream(codec)]
    given = [stream.push(codes) for stream, codes in zip(streams, [first, second], strict=True)]
    for stream, start, codes in zip(streams, given, [first, second], strict=True):
        joined = torch.cat([start, stream.finish()], dim=-1)
        assert torch.allclose(joined, codec.decode(codes, None), atol=1e-6)


def test_a_changed_state_would_be_heard() -> None:
    """The comparison above sees what a stream without memory does: each piece decoded by itself."""
    codec = MONO["like facebook/encodec_32khz"]()
    codes = random_codes(codec, 20)
    with torch.no_grad():
        alone = torch.cat([codec.decode(codes[..., :10], None), codec.decode(codes[..., 10:], None)], dim=-1)
        whole = codec.decode(codes, None)
    assert float((alone - whole).abs().max() / whole.abs().max()) > 100 * TOLERANCE


class Reversing(nn.Module):
    """A layer that nobody knows, for which the end comes first."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flip(-1)


def with_an_unknown_layer() -> EncodecModel:
    codec = seanet([3, 2])
    codec.decoder.model.append(Reversing())
    return codec


def with_its_own_loudness() -> EncodecModel:
    codec = seanet([3, 2])
    codec.renormalize = True
    return codec


@pytest.mark.parametrize(
    "make",
    [
        lambda: seanet([3, 2], norm="time_group_norm"),
        lambda: transformers_encodec(norm_type="time_group_norm", use_causal_conv=False),
        with_an_unknown_layer,
        lambda: InterleaveStereoCompressionModel(seanet([3, 2]), per_timestep=True),
    ],
    ids=["a norm over time", "transformers' norm over time", "unknown layer", "stereo by turns"],
)
def test_a_codec_that_cannot_be_cut_is_decoded_at_once(make: Callable[[], CompressionModel]) -> None:
    codec = make()
    codes = random_codes(codec, 12)
    pieces = list(decode(codec, codes, 2 / codec.frame_rate))
    assert [piece.shape[-1] for piece in pieces[:-1]] == [0] * 6
    with torch.no_grad():
        assert torch.equal(torch.cat(pieces, dim=-1), codec.decode(codes, None))


@pytest.mark.parametrize(
    "make",
    [
        lambda: seanet([3, 2], norm="time_group_norm"),
        lambda: InterleaveStereoCompressionModel(seanet([3, 2]), per_timestep=True),
        with_its_own_loudness,
    ],
    ids=["a norm over time", "stereo by turns", "normalised"],
)
def test_a_codec_that_cannot_be_cut_encodes_at_once(make: Callable[[], CompressionModel]) -> None:
    codec = make()
    waveform = torch.randn(1, codec.channels, 12 * 6)
    (codes,) = encode(codec, waveform, 2 / codec.frame_rate)
    with torch.no_grad():
        assert torch.equal(codes, codec.encode(waveform)[0])


@pytest.mark.parametrize("narrow", [True, False])
def test_the_samples_do_not_depend_on_how_many_threads_a_narrow_codec_could_have(
    narrow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codec_module, "NARROW", 10**9 if narrow else 0)
    codec = seanet([5, 4, 2], lstm=1)
    used: list[int] = []
    lstm = next(module for module in codec.decoder.modules() if isinstance(module, nn.LSTM))
    lstm.register_forward_pre_hook(lambda module, inputs: used.append(torch.get_num_threads()))
    with torch_threads(2):
        list(decode(codec, random_codes(codec, 10), 0.1))
        assert torch.get_num_threads() == 2
    assert set(used) == {1 if narrow else 2}
