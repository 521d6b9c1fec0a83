"""The command `musicgen`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import anyio
import click

from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.cli import player
from musicgen_api.cli.files import Target
from musicgen_api.cli.options import how, what, where, who
from musicgen_api.cli.order import Recipe, make_order, read, request_in
from musicgen_api.cli.progress import ProgressLine
from musicgen_api.client.errors import Busy, ClientError, Refused
from musicgen_api.client.messages import Music, Order
from musicgen_api.client.service import DEFAULT_URL, Service
from musicgen_api.version import VERSION

FAILED, USAGE, BUSY, CANCELLED = 1, 2, 3, 130

_EPILOG = """\b
Examples:
  musicgen "warm lo-fi beat" -o beat.mp3 --seconds 20 --takes 3 --play
  musicgen "add strings" --continue-from beat.mp3 --keep 12 -o longer.mp3
  musicgen --section "soft piano=10" --section "full orchestra=15" -o rise.flac
  musicgen --recipe beat.mp3 --seed random -o another.mp3

\b
Exit codes:
  0    the music is there
  1    it could not be made, written or reached
  2    the options are wrong, or the service refuses what they ask for
  3    the service was busy for as long as --wait says
  130  Ctrl-C; the job is cancelled
"""


@click.command(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@what
@how
@where
@who
@click.version_option(VERSION, message="%(prog)s %(version)s")
def musicgen(**options: Any) -> None:
    """Make music from a description, in words.

    The name of each file that was written is printed; everything else goes to standard error.
    """
    try:
        paths = anyio.run(_run, options)
    except KeyboardInterrupt:
        click.echo("Cancelled.", err=True)
        sys.exit(CANCELLED)
    except ClientError as error:
        _fail(error, as_json=options["as_json"])
    if options["play"]:
        _play(paths)


async def _run(options: dict[str, Any]) -> list[Path]:
    """Do what the options say; the files that were written."""
    if options["list_models"]:
        async with _service(options) as service:
            await _list_models(service, as_json=options["as_json"])
        return []
    target = _target(options)
    order = None if options["recipe_file"] else make_order(options, Recipe())  # usage errors come before any work
    async with _service(options) as service:
        order = order or make_order(options, await _recipe(service, options["recipe_file"]))
        began = time.monotonic()
        music = await _make(service, order, options)
        elapsed_s = time.monotonic() - began
    if target is None:
        sys.stdout.buffer.write(music.takes[0].file)
        return []
    paths = _write(target, music, order)
    _tell(paths, music, elapsed_s, as_json=options["as_json"])
    return paths


def _target(options: dict[str, Any]) -> Target | None:
    """Where the music goes, checked before any work; None: standard output. Sets the format by the suffix."""
    if options["output"] == Path("-"):
        for name, given in {"--play": options["play"], "--json": options["as_json"]}.items():
            if given:
                raise click.UsageError(f"{name} does not go with -o -, which has standard output for the music.")
        if (options["takes"] or 1) > 1:
            raise click.UsageError("-o - takes one piece; several --takes need files.")
        return None
    target = Target(options["output"], options["force"])
    try:
        options["format"] = options["format"] or target.format
        target.check(options["takes"] or 1)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return target


@asynccontextmanager
async def _service(options: dict[str, Any]) -> AsyncIterator[Service]:
    """The service that is named, the one at the usual address, or one in this process."""
    if options["local"] and _given("server"):
        raise click.UsageError("--local and --server exclude each other.")
    if not options["local"]:
        async with Service(options["server"] or DEFAULT_URL, api_key=options["api_key"]) as service:
            if options["server"] or await service.answers():
                yield service
                return
        if not options["quiet"]:
            click.echo(f"No service answers at {DEFAULT_URL}: the music is made in this process.", err=True)
    from musicgen_api.cli.in_process import in_process  # Flask and much more

    async with in_process() as service:
        yield service


def _given(option: str) -> bool:
    """Whether an option stands on the command line itself."""
    source = click.get_current_context().get_parameter_source(option)
    return source is click.core.ParameterSource.COMMANDLINE


async def _recipe(service: Service, path: Path) -> Recipe:
    """What --recipe names: a piece, whose recipe the service reads, or a recipe as JSON."""
    upload = read(path)
    if (request := request_in(upload.data)) is not None:
        return Recipe(request)
    body = await service.recipe(upload)
    return Recipe(body.get("request", {}), upload)


async def _make(service: Service, order: Order, options: dict[str, Any]) -> Music:
    line = ProgressLine(quiet=options["quiet"])
    try:
        return await service.music(order, on_news=line.show, patience_s=options["wait"])
    finally:
        line.close()


def _write(target: Target, music: Music, order: Order) -> list[Path]:
    fields = order.fields
    description = fields.get("description") or " ".join(part["description"] for part in fields["sections"])
    extension = Encoding(Format(fields.get("format", "wav"))).extension
    try:
        return target.write(music.takes, description, extension)
    except OSError as error:
        raise ClientError(f"The music cannot be written to {error.filename}: {error.strerror}.") from None


def _tell(paths: list[Path], music: Music, elapsed_s: float, *, as_json: bool) -> None:
    if not as_json:
        for path in paths:
            click.echo(path)
        return
    files = [{"file": str(path), "seed": take.seed} for path, take in zip(paths, music.takes, strict=True)]
    about = {"model": music.model, "seconds": music.duration, "sample_rate": music.sample_rate}
    click.echo(json.dumps({"files": files, **about, "channels": music.channels, "elapsed_s": round(elapsed_s, 2)}))


def _play(paths: list[Path]) -> None:
    """Play the files. Ctrl-C ends the playing; the music was made all the same."""
    with suppress(KeyboardInterrupt):
        for path in paths:
            if (why_not := player.play(path)) is not None:
                click.echo(why_not, err=True)


async def _list_models(service: Service, *, as_json: bool) -> None:
    models = await service.models()
    if as_json:
        click.echo(json.dumps({"models": [dict(model.details) for model in models]}))
        return
    width = max((len(model.id) for model in models), default=0)
    for model in models:
        marks = [mark for mark, holds in {"default": model.default, "loaded": model.loaded}.items() if holds]
        remark = f" ({', '.join(marks)})" if marks else ""
        click.echo(f"{model.id:<{width}}  {model.title}{remark}")


def _fail(error: ClientError, *, as_json: bool) -> NoReturn:
    """Say what went wrong, and end with the exit code for it."""
    if as_json:
        click.echo(json.dumps({"error": error.message, "code": error.code}))
    else:
        click.echo(f"Error: {error.message}", err=True)
    match error:
        case Busy():
            sys.exit(BUSY)
        case Refused():
            sys.exit(USAGE)
        case _:
            sys.exit(FAILED)
