"""All settings, read once from the environment and frozen.

Nothing else in the package reads the environment. Each field carries its variable, its unit and its reason; the table
in docs/configuration.md lists the same fields (a test compares the two).
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from environs import Env, EnvError
from marshmallow import ValidationError, validate

MODEL_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


class ConfigurationError(Exception):
    """A setting has a value that cannot be used. The text names the variable."""


def _setting(default: Any, variable: str, *, unit: str = "", why: str, check: Any = None) -> Any:
    metadata = {"variable": variable, "unit": unit, "why": why, "check": check}
    return dataclasses.field(default=default, metadata=metadata)


def _is_device(value: str) -> None:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", value):
        raise ValidationError("must be auto, cpu, cuda or cuda:N")


def _is_model_id(value: str) -> None:
    if not MODEL_ID.fullmatch(value):
        raise ValidationError("must be a model id such as facebook/musicgen-small")


def _parse_models(text: str) -> dict[str, str]:
    """`id=source,id=source` -> {id: source}; a source is a folder or a hub id."""
    models = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        model_id, separator, source = (piece.strip() for piece in item.partition("="))
        if not (separator and source and MODEL_ID.fullmatch(model_id)):
            raise ValidationError(f"{item!r} must read id=folder or id=hub-id")
        models[model_id] = source
    return models


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Every knob. `Settings()` holds the defaults, `Settings.from_environment()` the operator's wishes."""

    host: str = _setting(
        "127.0.0.1",
        "HOST",
        why="Address to listen on. Only this machine by default; 0.0.0.0 opens it to the network.",
    )
    port: int = _setting(8000, "PORT", why="TCP port to listen on.", check=validate.Range(min=0, max=65535))
    threads_http: int = _setting(
        16,
        "MUSICGEN_HTTP_THREADS",
        unit="threads",
        why="Requests served at once: one generates, others learn that it is busy, ask for health or load the page.",
        check=validate.Range(min=2, max=256),
    )
    default_model: str = _setting(
        "bundled/musicgen-tiny",
        "MUSICGEN_DEFAULT_MODEL",
        why="Model that is loaded at start, and that /api/music uses when the request names none.",
        check=_is_model_id,
    )
    models: str = _setting(
        "",
        "MUSICGEN_MODELS",
        why="Models added to the catalogue: id=folder or id=hub-id, separated by commas.",
        check=_parse_models,
    )
    max_models: int = _setting(
        1,
        "MUSICGEN_MAX_MODELS",
        unit="models",
        why="Models kept in memory; the least recently used one is freed before another is loaded.",
        check=validate.Range(min=1, max=64),
    )
    model_idle_s: float = _setting(
        0.0,
        "MUSICGEN_MODEL_IDLE_S",
        unit="seconds",
        why="Unused models are freed after this time. 0 keeps them.",
        check=validate.Range(min=0, max=10**7),
    )
    preload: bool = _setting(
        True, "MUSICGEN_PRELOAD", why="Load the default model at start instead of with the first request."
    )
    device: str = _setting(
        "auto",
        "MUSICGEN_DEVICE",
        why="auto takes the first GPU if there is one, else the CPU; cpu, cuda or cuda:N say which.",
        check=_is_device,
    )
    threads: int = _setting(
        0,
        "MUSICGEN_THREADS",
        unit="threads",
        why="CPU threads for the model. 0: one per physical core, no more than the container may use.",
        check=validate.Range(min=0, max=1024),
    )
    engine: str = _setting(
        "auto",
        "MUSICGEN_ENGINE",
        why="What decodes: auto takes the engine where it applies, else AudioCraft; engine and audiocraft insist.",
        check=validate.OneOf(["auto", "engine", "audiocraft"]),
    )
    precision: str = _setting(
        "auto",
        "MUSICGEN_PRECISION",
        why="Of the engine's arithmetic: auto takes what measured best on the device; fp32 equals AudioCraft's tokens.",
        check=validate.OneOf(["auto", "fp32", "bf16", "fp16", "int8"]),
    )
    cuda_graphs: bool = _setting(
        True,
        "MUSICGEN_CUDA_GRAPHS",
        why="On a GPU, replay each step of the engine from a captured graph instead of launching its parts one by one.",
    )
    diffusion: str = _setting(
        "facebook/multiband-diffusion",
        "MUSICGEN_MBD",
        why="Where MultiBand Diffusion comes from: a hub id, or a local file in AudioCraft's format.",
        check=validate.Length(min=1),
    )
    max_duration_s: int = _setting(
        300,
        "MUSICGEN_MAX_DURATION_S",
        unit="seconds",
        why="Longest piece that a request may ask for.",
        check=validate.Range(min=1, max=3600),
    )
    max_prompt_chars: int = _setting(
        2000,
        "MUSICGEN_MAX_PROMPT_CHARS",
        unit="characters",
        why="Longest prompt; the text encoder takes any length, at a cost that grows with its square.",
        check=validate.Range(min=1, max=100_000),
    )
    max_body_bytes: int = _setting(
        65_536,
        "MUSICGEN_MAX_BODY_BYTES",
        unit="bytes",
        why="Largest request body; 2,000 characters take at most 24,000 bytes of escaped JSON.",
        check=validate.Range(min=1024, max=2**30),
    )
    heartbeat_s: float = _setting(
        1.0,
        "MUSICGEN_HEARTBEAT_S",
        unit="seconds",
        why="A silent event stream repeats its last progress this often, so that no proxy closes it.",
        check=validate.Range(min=0.05, max=50),
    )
    grace_s: float = _setting(
        10.0,
        "MUSICGEN_GRACE_S",
        unit="seconds",
        why="After SIGTERM the running job may finish for this long, then it is cancelled.",
        check=validate.Range(min=0, max=3600),
    )
    proxy_hops: int = _setting(
        0,
        "MUSICGEN_PROXY_HOPS",
        unit="proxies",
        why="Reverse proxies in front whose X-Forwarded-* headers are believed. 0 believes none.",
        check=validate.Range(min=0, max=10),
    )
    log_level: str = _setting(
        "INFO",
        "MUSICGEN_LOG_LEVEL",
        why="Least severe message that is logged.",
        check=validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR"]),
    )

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the process's environment.

        Raises:
            ConfigurationError: a value cannot be used; the text names the variable and says why.
        """
        env = Env()
        return cls(**{field.name: _read(env, field) for field in dataclasses.fields(cls)})

    @property
    def added_models(self) -> dict[str, str]:
        """`models`, taken apart: {id: folder or hub id}."""
        return _parse_models(self.models)


def _read(env: Env, field: dataclasses.Field[Any]) -> Any:
    """One field's value, parsed by its type and checked by environs."""
    name = field.metadata["variable"]
    parsers: dict[str, Any] = {"int": env.int, "float": env.float, "bool": env.bool, "str": env.str}
    try:
        return parsers[str(field.type)](name, field.default, validate=field.metadata["check"])
    except EnvError as error:
        reasons = getattr(error, "error_messages", None) or [str(error)]
        raise ConfigurationError(f"{name} cannot be used: {' '.join(map(str, reasons))}") from None
