"""All settings, read once from the environment and frozen.

Nothing else in the package reads the environment. Each field carries its variable and its reason; the table
in docs/configuration.md lists the same fields (a test compares the two).
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import Any

from marshmallow import ValidationError

from musicgen_api import values
from musicgen_api.domain.request import PRECISIONS
from musicgen_api.hosts import parse_addresses, parse_names, parse_origins
from musicgen_api.keys import Keys, parse_keys, read_file, split_list
from musicgen_api.logs import FORMATS as LOG_FORMATS
from musicgen_api.values import between, one_of

STEP_FORMS = ("avx512-vnni", "avx-vnni", "avx512", "avx2", "sse4.1", "neon-dotprod", "neon")
"""The forms of the engine's compiled step; a test compares them with those that it has."""


class ConfigurationError(Exception):
    """A setting has a value that cannot be used. The text names the variable."""


def _setting(
    default: Any,
    variable: str,
    *,
    why: str,
    check: Any = None,
    convert: Callable[[Any], Any] | None = None,
    secret: bool = False,
) -> Any:
    metadata = {"variable": variable, "why": why, "check": check, "convert": convert, "secret": secret}
    return dataclasses.field(default=default, metadata=metadata, repr=not secret)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Every knob. `Settings()` holds the defaults, `Settings.from_environment()` the operator's wishes."""

    host: str = _setting(
        "127.0.0.1",
        "HOST",
        why="Address to listen on. Only this machine by default; 0.0.0.0 opens it to the network.",
        check=values.is_host,
        convert=lambda text: text.strip("[]"),  # as an IPv6 address stands in a URL
    )
    port: int = _setting(8000, "PORT", why="TCP port to listen on.", check=between(0, 65535))
    threads_http: int = _setting(
        16,
        "MUSICGEN_HTTP_THREADS",
        why="POST requests served at once: one generates, others learn that it is busy. A GET has other threads.",
        check=between(2, 256),
    )
    default_model: str = _setting(
        "bundled/musicgen-tiny",
        "MUSICGEN_DEFAULT_MODEL",
        why="Model that is loaded at start, and that /api/music uses when the request names none.",
        check=values.is_model_id,
    )
    sound_model: str = _setting(
        "",
        "MUSICGEN_SOUND_MODEL",
        why="Model of /v1/sound-generation, such as an AudioGen; the default model if nothing is set.",
        check=values.is_model_id,
    )
    models: str = _setting(
        "",
        "MUSICGEN_MODELS",
        why="Models added to the catalogue: id=folder or id=hub-id, separated by commas.",
        check=values.has_sources,
    )
    translate: str = _setting(
        "auto",
        "MUSICGEN_TRANSLATE",
        why="auto translates a description that is in no language of the model; off gives it as it is.",
        check=one_of("auto", "off"),
    )
    translators: str = _setting(
        "",
        "MUSICGEN_TRANSLATORS",
        why="Translation models of your own: language=folder or language=hub-id, separated by commas.",
        check=values.has_translators,
    )
    max_models: int = _setting(
        1,
        "MUSICGEN_MAX_MODELS",
        why="Models kept in memory; the least recently used one is freed before another is loaded.",
        check=between(1, 64),
    )
    model_idle_s: float = _setting(
        0.0,
        "MUSICGEN_MODEL_IDLE_S",
        why="Unused models are freed after this time. 0 keeps them.",
        check=between(0, 10**7),
    )
    preload: bool = _setting(
        True, "MUSICGEN_PRELOAD", why="Load the default model at start instead of with the first request."
    )
    device: str = _setting(
        "auto",
        "MUSICGEN_DEVICE",
        why="auto takes the first GPU if there is one, else the CPU; cpu, cuda or cuda:N say which.",
        check=values.is_device,
    )
    threads: int = _setting(
        0,
        "MUSICGEN_THREADS",
        why="CPU threads for the model. 0: one per physical core, no more than the container may use.",
        check=between(0, 1024),
    )
    engine: str = _setting(
        "auto",
        "MUSICGEN_ENGINE",
        why="What generates: auto takes the engine where it applies, else AudioCraft; engine and audiocraft insist.",
        check=one_of("auto", "engine", "audiocraft"),
    )
    precision: str = _setting(
        "auto",
        "MUSICGEN_PRECISION",
        why="Of the engine's arithmetic: auto takes what measured best on the device; fp32 equals AudioCraft's tokens.",
        check=one_of("auto", *PRECISIONS),
    )
    step: str = _setting(
        "auto",
        "MUSICGEN_STEP",
        why="Form of the compiled step on a CPU: auto takes the processor's best; off takes torch's operations.",
        check=one_of("auto", "off", *STEP_FORMS),
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
        check=values.is_file_or_hub_id,
        convert=os.path.expanduser,
    )
    melody_separation: str = _setting(
        "demucs",
        "MUSICGEN_MELODY_SEPARATION",
        why="What takes drums and bass out of a melody, as AudioCraft does: demucs, or none for melodies without any.",
        check=one_of("demucs", "none"),
    )
    max_duration_s: int = _setting(
        300,
        "MUSICGEN_MAX_DURATION_S",
        why="Longest piece that a request may ask for.",
        check=between(1, 3600),
    )
    max_prompt_chars: int = _setting(
        2000,
        "MUSICGEN_MAX_PROMPT_CHARS",
        why="Longest prompt; the text encoder takes any length, at a cost that grows with its square.",
        check=between(1, 100_000),
    )
    max_body_bytes: int = _setting(
        65_536,
        "MUSICGEN_MAX_BODY_BYTES",
        why="Largest request body without its files; 2,000 characters take at most 24,000 bytes of escaped JSON.",
        check=between(1024, 2**30),
    )
    max_upload_bytes: int = _setting(
        64 * 2**20,
        "MUSICGEN_MAX_UPLOAD_BYTES",
        why="Largest body with files; 5 minutes of stereo as a WAV file are 53 million bytes.",
        check=between(1024, 2**30),
    )
    heartbeat_s: float = _setting(
        1.0,
        "MUSICGEN_HEARTBEAT_S",
        why="A silent event stream repeats its last progress this often, so that no proxy closes it.",
        check=between(0.05, 50),
    )
    client_timeout_s: float = _setting(
        30.0,
        "MUSICGEN_CLIENT_TIMEOUT_S",
        why="A client that stalls for this long while it sends its request or reads its answer is let go.",
        check=between(1, 3600),
    )
    grace_s: float = _setting(
        10.0,
        "MUSICGEN_GRACE_S",
        why="After SIGTERM the running job may finish for this long, then it is cancelled.",
        check=between(0, 3600),
    )
    proxy_hops: int = _setting(
        0,
        "MUSICGEN_PROXY_HOPS",
        why="Reverse proxies in front whose X-Forwarded-* headers are believed. 0 believes none.",
        check=between(0, 10),
    )
    peers: str = _setting(
        "",
        "MUSICGEN_PEERS",
        why="Other instances behind the same proxy, name:port,...; a busy one then says when the first of all is free.",
        check=parse_addresses,
    )
    hosts: str = _setting(
        "",
        "MUSICGEN_HOSTS",
        why="Names under which the service is reached, separated by commas; requests for others are refused.",
        check=parse_names,
    )
    queue: int = _setting(
        0,
        "MUSICGEN_QUEUE",
        why="Requests that may wait while another one is served. 0: they are told at once that the service is busy.",
        check=between(0, 256),
    )
    api_keys: str = _setting(
        "",
        "MUSICGEN_API_KEYS",
        why="Keys of those who may use the service: label:key or key, separated by commas. None: everybody may.",
        check=lambda text: parse_keys(split_list(text)),
        secret=True,
    )
    api_keys_file: str = _setting(
        "",
        "MUSICGEN_API_KEYS_FILE",
        why="A file with more of them, one a line.",
        check=read_file,
        convert=os.path.expanduser,
    )
    cors_origins: str = _setting(
        "",
        "MUSICGEN_CORS_ORIGINS",
        why="Origins whose web pages may use the service, separated by commas; * for all. Its own page always may.",
        check=parse_origins,
    )
    log_format: str = _setting(
        "text",
        "MUSICGEN_LOG_FORMAT",
        why="Form of the log: text, or one JSON object a line.",
        check=one_of(*LOG_FORMATS),
    )
    log_level: str = _setting(
        "INFO",
        "MUSICGEN_LOG_LEVEL",
        why="Least severe message that is logged.",
        check=one_of("DEBUG", "INFO", "WARNING", "ERROR"),
    )

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the process's environment.

        Raises:
            ConfigurationError: a value cannot be used; the text names the variable and says why.
        """
        return cls(**{field.name: _read(field) for field in dataclasses.fields(cls)})

    @property
    def added_models(self) -> dict[str, str]:
        """`models`, taken apart: {id: folder or hub id}."""
        return values.parse_models(self.models)

    @property
    def added_translators(self) -> dict[str, str]:
        """`translators`, taken apart: {language: folder or hub id}."""
        return values.parse_models(self.translators)

    @property
    def known_hosts(self) -> frozenset[str]:
        """`hosts`, taken apart."""
        return parse_names(self.hosts)

    @property
    def origins(self) -> frozenset[str]:
        """`cors_origins`, taken apart."""
        return parse_origins(self.cors_origins)

    @property
    def keys(self) -> Keys:
        """The keys of `api_keys` and of the file, which is read now."""
        listed = parse_keys(split_list(self.api_keys)) if self.api_keys else []
        return Keys(listed + (read_file(self.api_keys_file) if self.api_keys_file else []))


def _read(field: dataclasses.Field[Any]) -> Any:
    """One field's value, parsed by its type and checked. An empty variable is one that is not set."""
    name = field.metadata["variable"]
    text = values.clean(os.environ.get(name, ""))
    if not text:
        return field.default
    convert, check = field.metadata["convert"], field.metadata["check"]
    try:
        value = values.KINDS[str(field.type)].deserialize(text)
        if convert is not None:
            value = convert(value)
        if check is not None:
            check(value)
    except ValidationError as error:
        quoted = "its value" if field.metadata["secret"] else repr(text)
        raise ConfigurationError(f"{name} cannot be used: {quoted} {error.messages[0]}") from None
    return value
