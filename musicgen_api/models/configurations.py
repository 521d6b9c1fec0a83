"""Looks through the configurations (`xp.cfg`) of checkpoints before anything is built from them.

What AudioCraft's builders make of an absurd value is a division by zero, a loop without an end or a terabyte. Here the
key is named. Where the weights show a number too (a width, a count of layers), the two must agree.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from musicgen_api.domain.errors import ModelDamaged
from musicgen_api.models.packages import Package, State

_LM_SIZES = tuple(f"transformer_lm.{key}" for key in ("dim", "num_heads", "num_layers", "n_q", "card"))
_LM_OPTIONAL_SIZES = ("transformer_lm.kv_repeat", "transformer_lm.past_context")
_CODEC_OPTIONAL_SIZES = (
    *(f"seanet.{key}" for key in ("dimension", "channels", "n_filters", "dilation_base", "compress")),
    *(f"seanet.{key}" for key in ("kernel_size", "residual_kernel_size", "last_kernel_size")),
    *("rvq.n_q", "rvq.bins"),
)
_LONGEST_MAGNET_S = 120
_CODEC_COUNTS = tuple(f"seanet.{key}" for key in ("n_residual_layers", "lstm", "disable_norm_outer_blocks"))


def check_language_model(package: Package) -> None:
    """Make sure that a MusicGen's transformer can be built from the configuration, and holds these weights.

    Raises:
        ModelDamaged: it cannot; the text names the key.
    """
    look = Configuration(package.name, package.config, of_a_package=True)
    kind = look.value("lm_model")
    if kind is None and look.value("compression_model") is not None:
        raise ModelDamaged(f"{package.name} holds a codec; it and compression_state_dict.bin may be exchanged.")
    if kind not in ("transformer_lm", "transformer_lm_magnet"):
        raise look.wrong("lm_model", "transformer_lm or transformer_lm_magnet; other kinds are not supported")
    for key in _LM_SIZES:
        look.whole(key, 1)
    for key in _LM_OPTIONAL_SIZES:
        look.whole(key, 1, optional=True)
    look.positive("dataset.segment_duration")
    look.positive("transformer_lm.hidden_scale", optional=True)
    look.multiple("transformer_lm.dim", "transformer_lm.num_heads")
    look.multiple("transformer_lm.num_heads", "transformer_lm.kv_repeat")
    _check_delays(look)
    if kind == "transformer_lm_magnet":
        _check_magnet(look)
    if not isinstance(look.value("conditioners.description.t5.name"), str):
        raise look.wrong("conditioners.description.t5.name", "the name of a T5 text encoder")
    _compare_with_weights(look, package.state)


def check_codec(package: Package) -> None:
    """Make sure that an EnCodec can be built from the configuration. Raises `ModelDamaged`, naming the key."""
    look = Configuration(package.name, package.config, of_a_package=True)
    kind = look.value("compression_model")
    if kind is None and look.value("lm_model") is not None:
        raise ModelDamaged(f"{package.name} holds a language model; it and state_dict.bin may be exchanged.")
    if kind != "encodec":
        raise look.wrong("compression_model", "encodec; other codecs are not supported")
    for key in ("encodec.sample_rate", "encodec.channels"):
        look.whole(key, 1)
    for key in _CODEC_OPTIONAL_SIZES:
        look.whole(key, 1, optional=True)
    for key in _CODEC_COUNTS:
        look.whole(key, 0, optional=True)
    if look.value("seanet.ratios") is not None:
        look.whole_numbers("seanet.ratios", 1)


class Configuration:
    """Looks values up by their dotted keys, and names key and file in what it raises."""

    def __init__(self, file: str, config: DictConfig, *, of_a_package: bool = False) -> None:
        """Take the configuration that `file` is or, as AudioCraft's packages do, holds as 'xp.cfg'."""
        self._file, self._config, self._of_a_package = file, config, of_a_package

    def value(self, key: str) -> Any:
        """The value of `key`, lists and dictionaries as Python's own; None where it is missing."""
        try:
            value = OmegaConf.select(self._config, key)
            return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        except OmegaConfBaseException as error:
            raise ModelDamaged(f"{self._file}: {self._named(key)} cannot be read.") from error

    def _named(self, key: str) -> str:
        return f"{key} in 'xp.cfg'" if self._of_a_package else key

    def whole(self, key: str, least: int, *, optional: bool = False) -> None:
        """Require a whole number of at least `least`; an optional one may be missing or null."""
        value = self.value(key)
        if not (optional and value is None) and not _is_whole(value, least):
            raise self.wrong(key, f"a whole number of at least {least}")

    def positive(self, key: str, *, optional: bool = False) -> None:
        """Require a finite number above 0; an optional one may be missing or null."""
        value = self.value(key)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (optional and value is None) and not (is_number and 0 < value < math.inf):
            raise self.wrong(key, "a number above 0")

    def whole_numbers(self, key: str, least: int) -> None:
        """Require a list of whole numbers of at least `least`."""
        if not _are_whole(self.value(key), least):
            raise self.wrong(key, f"a list of whole numbers of at least {least}")

    def multiple(self, key: str, divisor: str) -> None:
        """Require that `key` is a multiple of what `divisor` says."""
        unit = self.value(divisor) or 1
        if self.value(key) % unit:
            raise self.wrong(key, f"a multiple of {divisor}, which is {unit}")

    def wrong(self, key: str, right: str) -> ModelDamaged:
        """The error for `key`, whose value is not what is `right`."""
        value = self.value(key)
        now = "missing" if value is None else repr(value[:60]) if isinstance(value, str) else str(value)[:60]
        return ModelDamaged(f"{self._file}: {self._named(key)} is {now}; it must be {right}.")


def _check_magnet(look: Configuration) -> None:
    """Look at what only a MAGNeT has. Its masks grow with the square of the window."""
    look.whole("masking.span_len", 1)
    look.whole("transformer_lm.subcodes_context", -1, optional=True)
    for key, right in (("transformer_lm.causal", False), ("transformer_lm.memory_efficient", True)):
        if look.value(key) is not right:
            raise look.wrong(key, f"{str(right).lower()}, as every MAGNeT has it")
    if look.value("dataset.segment_duration") > _LONGEST_MAGNET_S:
        raise look.wrong("dataset.segment_duration", f"at most {_LONGEST_MAGNET_S} s in a MAGNeT")


def _check_delays(look: Configuration) -> None:
    """A delay pattern gives each codebook its delay, and none is negative."""
    if look.value("codebooks_pattern.modeling") != "delay":
        return
    codebooks, delays = look.value("transformer_lm.n_q"), look.value("codebooks_pattern.delay.delays")
    if delays is not None and not (_are_whole(delays, least=0) and len(delays) == codebooks):
        raise look.wrong("codebooks_pattern.delay.delays", f"{codebooks} whole numbers of at least 0, one a codebook")


def _compare_with_weights(look: Configuration, state: State) -> None:
    """Hold the sizes in the configuration against those of the weights, which are the truth."""
    for key, (size, name) in _sizes_shown(state).items():
        if look.value(key) != size:
            raise look.wrong(key, f"{size}, as {name} shows")


def _sizes_shown(state: State) -> Mapping[str, tuple[int, str]]:
    """What the weights say of keys of the configuration, and where: {key: (size, what shows it)}."""
    codebooks = sum(re.fullmatch(r"emb\.\d+\.weight", name) is not None for name in state)
    layers = {match[1] for name in state if (match := re.match(r"transformer\.layers\.(\d+)\.", name))}
    shown = {
        "transformer_lm.n_q": (codebooks, "the count of its embeddings (emb)"),
        "transformer_lm.num_layers": (len(layers), "the count of its transformer.layers"),
    }
    table = state.get("emb.0.weight")
    if table is not None and table.dim() == 2:
        shown["transformer_lm.card"] = (table.shape[0] - 1, "the height of emb.0.weight")
        shown["transformer_lm.dim"] = (table.shape[1], "the width of emb.0.weight")
    return shown


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _are_whole(values: object, least: int) -> bool:
    return isinstance(values, list) and bool(values) and all(_is_whole(value, least) for value in values)
