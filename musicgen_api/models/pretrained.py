"""Models of transformers' own classes: the T5 that reads descriptions, and EnCodec.

They come from a folder of their own, or are parts of a larger checkpoint (`transformers_format`). transformers makes up
the weights that its files lack, and only warns of it: here they must all be there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, EncodecModel, PretrainedConfig, T5EncoderModel, T5Tokenizer

from musicgen_api.domain.errors import ModelDamaged
from musicgen_api.models.fitting import building, not_built, require_shape, require_whole
from musicgen_api.models.packages import State

transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]

_RENAMED = {".weight_g": ".parametrizations.weight.original0", ".weight_v": ".parametrizations.weight.original1"}
"""Ends of the names of normalised weights, as files of before 2024 have them."""

_TIED = {"encoder.embed_tokens.weight": "shared.weight", "shared.weight": "encoder.embed_tokens.weight"}
"""T5's embeddings stand in a file once, under either name."""


@dataclass(frozen=True)
class Part:
    """A model inside a checkpoint in transformers' format."""

    name: str
    """As transformers calls it: `text_encoder` or `audio_encoder`. Its tensors' names begin with it."""
    config: PretrainedConfig
    state: State
    """Its tensors, by their names without the part's."""
    file: str
    """The name of the weights' file, for errors."""
    folder: Path
    """Where the checkpoint lies, and with it the tokenizer."""


Source = Path | Part
"""A folder in transformers' format, or a part of a larger checkpoint."""


def read_codec(source: Source) -> EncodecModel:
    """The EnCodec at `source`, on the CPU in fp32.

    Raises:
        ModelDamaged: it is another model, or a weight is missing, of another shape, or not a number.
    """
    model: EncodecModel = _read(EncodecModel, source, "The codec in {}")
    return model


def read_text_encoder(source: Source) -> T5EncoderModel:
    """The T5 at `source`. Raises as `read_codec` does."""
    model: T5EncoderModel = _read(T5EncoderModel, source, "The text encoder in {}")
    return model


def read_tokenizer(source: Source) -> T5Tokenizer:
    """The tokenizer that lies with the text encoder at `source`. Raises `ModelDamaged`."""
    what = "The tokenizer" if isinstance(source, Part) else f"The tokenizer in {source.name}"
    try:
        with building(what):
            tokenizer: T5Tokenizer = T5Tokenizer.from_pretrained(_folder_of(source))
            return tokenizer
    except Exception as error:
        if type(error) is not Exception:  # which the tokenizers library raises itself, for want of a class of its own
            raise
        raise not_built(what, error) from error


def text_width(source: Source) -> int:
    """The width of the text encoder at `source`."""
    config = source.config if isinstance(source, Part) else AutoConfig.from_pretrained(source)
    return int(config.d_model)


def place_of(source: Source) -> str:
    """The file or folder that `source` is in, for a sentence."""
    return source.file if isinstance(source, Part) else source.name


def name_of(source: Source) -> str:
    """A name by which AudioCraft may call it: nothing else has this one."""
    return str(_folder_of(source))


def _folder_of(source: Source) -> Path:
    return source.folder if isinstance(source, Part) else source


def _read(kind: Any, source: Source, what: str) -> Any:
    if isinstance(source, Part):
        return _read_part(kind, source, what)
    where = what.format(place_of(source))
    with building(where):
        model, loading = kind.from_pretrained(source, output_loading_info=True)
    require_whole(where, model, loading)
    return model


def _read_part(kind: Any, part: Part, what: str) -> Any:
    """Load as transformers does, after a look at all shapes: it would make up what does not fit."""
    state = {_renamed(name): tensor for name, tensor in part.state.items()}
    for name, other in _TIED.items():
        if name not in state and other in state:
            state[name] = state[other]
    with building(what.format("config.json")), torch.device("meta"):
        expected = kind(part.config).state_dict()
    for name, tensor in expected.items():
        require_shape(part.file, f"{part.name}.{name}", state.get(name), list(tensor.shape))
    with building(what.format(place_of(part))):
        model, loading = kind.from_pretrained(
            None, config=part.config, state_dict=state, dtype=torch.float32, output_loading_info=True
        )
    require_whole(part.file, model, loading, prefix=f"{part.name}.")
    return model


def _renamed(name: str) -> str:
    for old, new in _RENAMED.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def require_kind(part: str, config: PretrainedConfig, kind: str, what: str) -> None:
    """Make sure that a part is of transformers' `kind` of model. Raises `ModelDamaged`."""
    if config.model_type != kind:
        raise ModelDamaged(f"config.json: {part}.model_type is {config.model_type!r}; it must be {kind!r}, {what}.")
