"""A MusicGen in transformers' format (config.json and bare weights) -> what AudioCraft exports of the same model.

transformers keeps queries, keys and values apart, and has everything in one checkpoint: the language model (`decoder`),
the codec (`audio_encoder`), the text encoder (`text_encoder`), and the projections of what the language model is
conditioned on (`enc_to_dec_proj`, and `audio_enc_to_dec_proj` for a melody). The correspondence of names was read in
both (AudioCraft 1.3.0: models/lm.py; transformers 5: models/musicgen and models/musicgen_melody). A tensor is put
together when it is asked for, so there is no second copy of the weights.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor
from transformers import MusicgenConfig, MusicgenMelodyConfig

from musicgen_api.domain.errors import ModelDamaged
from musicgen_api.models.configurations import Configuration
from musicgen_api.models.file_formats import read_json
from musicgen_api.models.fitting import building, require_shape
from musicgen_api.models.packages import Package, State
from musicgen_api.models.pretrained import Part, require_kind
from musicgen_api.models.tensor_files import Tensors

CONFIG = "config.json"

WINDOW_S = 30
"""Seconds of music that a MusicGen sees at a time. The format does not say it."""

_SIZES = ("hidden_size", "num_attention_heads", "num_hidden_layers", "ffn_dim", "vocab_size", "num_codebooks")
_CODEC_SIZES = ("sampling_rate", "audio_channels", "num_filters", "hidden_size", "codebook_size", "codebook_dim")
_COUNTS = {
    "text_encoder": ("num_layers", "num_heads"),
    "audio_encoder": ("num_residual_layers", "num_lstm_layers"),
}
"""What a part is built of so many times: never more often than it has tensors."""

_COMPUTED = ("decoder.model.decoder.embed_positions.weights",)
"""Tensors of older files that are not learnt."""

_DECODER = "decoder.model.decoder"
_CONDITIONER = "condition_provider.conditioners"
_ONE, _ZERO = "(identity)", "(zero)"
"""The projection of a text encoder that is as wide as the language model: transformers has none, AudioCraft always."""

_CHROMA = {"n_chroma": 12, "radix2_exp": 14}
"""How AudioCraft hears a melody (config/conditioner/chroma2music.yaml); transformers has the same in its processor."""
_WINDOW = "(window)"
"""Of the melody's Fourier transform, which AudioCraft keeps among the weights."""

KINDS: dict[str, Any] = {"musicgen": MusicgenConfig, "musicgen_melody": MusicgenMelodyConfig}
"""Configurations by what config.json says that it is."""


def convert(folder: Path, tensors: Tensors, named_by: str) -> tuple[Package, Part, Part]:
    """The language model as AudioCraft exports it, the codec and the text encoder of the checkpoint in `folder`.

    Raises:
        ModelDamaged: the configuration is not a MusicGen's, or the weights are not those that it describes; the text
            names the key, or the file and the tensor.
    """
    raw = read_json(folder / CONFIG, named_by)
    with building(f"The model from {CONFIG}"):
        config: Any = KINDS[str(raw["model_type"])].from_dict(raw)
        checked = OmegaConf.create(config.to_dict())
    require_kind("text_encoder", config.text_encoder, "t5", "whose words MusicGen knows")
    require_kind("audio_encoder", config.audio_encoder, "encodec", "as a MusicGen's codec is")
    _check(Configuration(CONFIG, checked), tensors)
    text, codec = (
        Part(name, part, _below(f"{name}.", tensors.state), tensors.name, folder)
        for name, part in (("text_encoder", config.text_encoder), ("audio_encoder", config.audio_encoder))
    )
    return _language_model(config, tensors), codec, text


def _check(look: Configuration, tensors: Tensors) -> None:
    """Look through the configuration before anything is built of it, and hold counts against the weights."""
    for key in _SIZES:
        look.whole(f"decoder.{key}", 1)
    look.multiple("decoder.hidden_size", "decoder.num_attention_heads")
    if look.value("decoder.activation_function") not in ("gelu", "relu"):
        raise look.wrong("decoder.activation_function", "gelu or relu")
    if look.value("decoder.cross_attention_hidden_size") is not None:
        raise look.wrong("decoder.cross_attention_hidden_size", "null, as MusicGen has it")
    if look.value("num_chroma") not in (None, _CHROMA["n_chroma"]):
        raise look.wrong("num_chroma", f"{_CHROMA['n_chroma']}, the tones of an octave")
    channels = look.value("decoder.audio_channels")
    if channels == 2:
        look.multiple("decoder.num_codebooks", "decoder.audio_channels")
    shown = {
        "num_codebooks": (r"embed_tokens\.(\d+)\.", "the count of its embed_tokens"),
        "num_hidden_layers": (r"layers\.(\d+)\.", "the count of its layers"),
    }
    for key, (pattern, what) in shown.items():
        count = len({match[1] for name in tensors.state if (match := re.match(rf"{_DECODER}\.{pattern}", name))})
        if count and look.value(f"decoder.{key}") != count:
            raise look.wrong(f"decoder.{key}", f"{count}, as {what} in {tensors.name} shows")
    _check_parts(look, tensors)


def _check_parts(look: Configuration, tensors: Tensors) -> None:
    for key in _CODEC_SIZES:
        look.whole(f"audio_encoder.{key}", 1)
    look.whole_numbers("audio_encoder.upsampling_ratios", 1)
    if look.value("audio_encoder.chunk_length_s") is not None:
        raise look.wrong("audio_encoder.chunk_length_s", "null: a MusicGen's codec takes the whole piece")
    if look.value("audio_encoder.audio_channels") != 1:
        raise look.wrong("audio_encoder.audio_channels", "1; a stereo MusicGen decodes left and right apart")
    for part, keys in _COUNTS.items():
        most = len(_below(f"{part}.", tensors.state))
        for key in keys:
            look.whole(f"{part}.{key}", 1)
            if look.value(f"{part}.{key}") > max(most, 1):
                raise look.wrong(f"{part}.{key}", f"at most {most}, as {tensors.name} has so many tensors of it")


def _language_model(config: Any, tensors: Tensors) -> Package:
    sources = _sources(config)
    given = dict(tensors.state)
    width = config.decoder.hidden_size
    given |= {_ONE: torch.eye(width), _ZERO: torch.zeros(width)}
    given[_WINDOW] = torch.hann_window(2 ** _CHROMA["radix2_exp"])
    for name, shape in _shapes(config).items():
        require_shape(tensors.shards.get(name, tensors.name), name, given.get(name), shape)
    used = {name for parts in sources.values() for name in parts}
    for name in tensors.state:
        if not name.startswith(("text_encoder.", "audio_encoder.")) and name not in used and name not in _COMPUTED:
            raise ModelDamaged(f"{tensors.shards[name]} has a tensor too many, {name}: {CONFIG} does not ask for it.")
    originals = {name: tensor for name, tensor in tensors.state.items() if name in used}
    return Package(tensors.name, _PutTogether(given, sources), _configuration(config), originals)


class _PutTogether(Mapping[str, Tensor]):
    """Tensors by AudioCraft's names, each made of one or several others when it is asked for."""

    def __init__(self, given: Mapping[str, Tensor], sources: Mapping[str, tuple[str, ...]]) -> None:
        self._given, self._sources = given, sources

    def __getitem__(self, name: str) -> Tensor:
        parts = [self._given[part] for part in self._sources[name]]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)


def _sources(config: Any) -> dict[str, tuple[str, ...]]:
    """Which tensors of transformers' each tensor of AudioCraft's is made of."""
    found: dict[str, tuple[str, ...]] = {}
    for k in range(config.decoder.num_codebooks):
        found[f"emb.{k}.weight"] = (f"{_DECODER}.embed_tokens.{k}.weight",)
        found[f"linears.{k}.weight"] = (f"decoder.lm_heads.{k}.weight",)
    attentions = {"self_attn": "self_attn"}
    norms = {"norm1": "self_attn_layer_norm", "norm2": "final_layer_norm"}
    if not _has_melody(config):
        attentions["cross_attention"] = "encoder_attn"
        norms["norm_cross"] = "encoder_attn_layer_norm"
    pairs = {"out_norm": f"{_DECODER}.layer_norm"}
    for index in range(config.decoder.num_hidden_layers):
        ours, theirs = f"transformer.layers.{index}", f"{_DECODER}.layers.{index}"
        for attention, other in attentions.items():
            found[f"{ours}.{attention}.in_proj_weight"] = tuple(f"{theirs}.{other}.{x}_proj.weight" for x in "qkv")
            found[f"{ours}.{attention}.out_proj.weight"] = (f"{theirs}.{other}.out_proj.weight",)
        found[f"{ours}.linear1.weight"] = (f"{theirs}.fc1.weight",)
        found[f"{ours}.linear2.weight"] = (f"{theirs}.fc2.weight",)
        pairs |= {f"{ours}.{norm}": f"{theirs}.{other}" for norm, other in norms.items()}
    text = f"{_CONDITIONER}.description.output_proj"
    if config.text_encoder.d_model == config.decoder.hidden_size:
        found |= {f"{text}.weight": (_ONE,), f"{text}.bias": (_ZERO,)}
    else:
        pairs[text] = "enc_to_dec_proj"
    if _has_melody(config):
        pairs[f"{_CONDITIONER}.self_wav.output_proj"] = "audio_enc_to_dec_proj"
        found[f"{_CONDITIONER}.self_wav.chroma.spec.window"] = (_WINDOW,)
    for name, other in pairs.items():
        found |= {f"{name}.{end}": (f"{other}.{end}",) for end in ("weight", "bias")}
    return found


def _shapes(config: Any) -> dict[str, list[int]]:
    """The shape of each of transformers' tensors that `_sources` takes."""
    decoder, width = config.decoder, config.decoder.hidden_size
    ends = {
        "fc1.weight": [decoder.ffn_dim, width],
        "fc2.weight": [width, decoder.ffn_dim],
        "audio_enc_to_dec_proj.weight": [width, _CHROMA["n_chroma"]],
        "enc_to_dec_proj.weight": [width, config.text_encoder.d_model],
        "norm.weight": [width],
        "bias": [width],
        _ONE: [width, width],
        _ZERO: [width],
        _WINDOW: [2 ** _CHROMA["radix2_exp"]],
        "_proj.weight": [width, width],
    }
    shapes: dict[str, list[int]] = {}
    for name in (name for parts in _sources(config).values() for name in parts):
        if ".embed_tokens." in name:
            shapes[name] = [decoder.vocab_size + 1, width]
        elif ".lm_heads." in name:
            shapes[name] = [decoder.vocab_size, width]
        else:
            shapes[name] = next(shape for end, shape in ends.items() if name.endswith(end))
    return shapes


def _has_melody(config: Any) -> bool:
    """Whether a melody and the text stand before the music, instead of text that each layer attends to."""
    return bool(config.model_type == "musicgen_melody")


def _configuration(config: Any) -> DictConfig:
    """What AudioCraft's builders need to make this language model (config/solver/musicgen/musicgen_base_32khz.yaml)."""
    decoder, stereo = config.decoder, config.decoder.audio_channels == 2
    delays = [k // 2 if stereo else k for k in range(decoder.num_codebooks)]
    melody = _has_melody(config)
    conditioners: dict[str, Any] = {"description": {"model": "t5", "t5": {"name": "text_encoder", "finetune": False}}}
    if melody:
        chroma = {"sample_rate": config.audio_encoder.sampling_rate, "argmax": True, **_CHROMA}
        conditioners["self_wav"] = {"model": "chroma_stem", "chroma_stem": chroma}
    return OmegaConf.create(
        {
            "solver": "musicgen",
            "sample_rate": config.audio_encoder.sampling_rate,
            "channels": decoder.audio_channels,
            "compression_model_n_q": None,
            "interleave_stereo_codebooks": {"use": stereo, "per_timestep": False},
            "dataset": {"segment_duration": WINDOW_S},
            "lm_model": "transformer_lm",
            "codebooks_pattern": {"modeling": "delay", "delay": {"delays": delays}},
            "transformer_lm": {
                "dim": decoder.hidden_size,
                "num_heads": decoder.num_attention_heads,
                "num_layers": decoder.num_hidden_layers,
                "hidden_scale": _scale(decoder.ffn_dim, decoder.hidden_size),
                "n_q": decoder.num_codebooks,
                "card": decoder.vocab_size,
                "activation": decoder.activation_function,
                "dropout": 0.0,
                "norm": "layer_norm",
                "norm_first": True,
                "bias_ff": False,
                "bias_attn": False,
                "bias_proj": False,
                "causal": True,
                "memory_efficient": True,
                "positional_embedding": "sin",
            },
            "classifier_free_guidance": {"training_dropout": 0.0, "inference_coef": 3.0},
            "attribute_dropout": {},
            "fuser": {
                "cross_attention_pos_emb": False,
                "cross_attention_pos_emb_scale": 1,
                "prepend": ["self_wav", "description"] if melody else [],
                "cross": [] if melody else ["description"],
                **{"sum": [], "input_interpolate": []},
            },
            "conditioners": conditioners,
        }
    )


def _scale(inner: int, width: int) -> float:
    """What AudioCraft multiplies `width` by and cuts off to get `inner`."""
    scale = inner / width
    return scale if int(scale * width) == inner else math.nextafter(scale, math.inf)


def _below(prefix: str, state: State) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
