"""The options of the command `musicgen`, in four groups. Those that are fields of the API have their names there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from musicgen_api.cli.files import SUFFIXES
from musicgen_api.cli.words import Section, Seed, Span
from musicgen_api.client.service import DEFAULT_URL

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FORMATS = sorted(set(SUFFIXES.values()))


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


what = _options(
    click.argument("description", required=False, metavar="[DESCRIPTION]"),
    click.option("--seconds", "duration", type=int, metavar="N", help="Length of the music. Default: 30."),
    click.option(
        "--section", type=Section(), multiple=True,
        help="A part with a description and a length of its own. Give several; each goes on from the one before.",
    ),
    click.option("--takes", type=int, metavar="N", help="Make several pieces in one job, 1 to 8: beat-1.mp3, ..."),
    click.option("--seed", type=Seed(), help="The same seed makes the same music again. Default: random."),
    click.option("--model", metavar="ID", help="A model of --list-models. Default: the service's."),
    click.option("--continue-from", type=_FILE, help="Go on from this music. --seconds is the whole result's length."),
    click.option("--keep", type=Span(), help="Keep only these seconds of --continue-from: 12, 5-12 or 5-."),
    click.option("--melody", type=_FILE, help="Follow the tune of this file. Needs a melody model."),
    click.option(
        "--recipe", "recipe_file", type=_FILE,
        help="Make a piece again: a file of this service, or its recipe as JSON. Other options override the recipe.",
    ),
    click.option("--loop/--no-loop", default=None, help="Let the end run into the beginning."),
)  # fmt: skip

how = _options(
    click.option("--loudness", type=float, metavar="LUFS", help="Loudness, -30 to -5. Default: as the model made it."),
    click.option("--fade-in", type=float, metavar="SECONDS", help="Fade in."),
    click.option("--fade-out", type=float, metavar="SECONDS", help="Fade out."),
    click.option("--mbd/--no-mbd", default=None, help="Decode with MultiBand Diffusion: slower, fewer artefacts."),
    click.option("--top-k", type=int, metavar="N", help="Sample among the N likeliest tokens. Default: 250."),
    click.option("--top-p", type=float, metavar="P", help="Sample among the likeliest tokens that sum up to P."),
    click.option("--temperature", type=float, metavar="T", help="Below 1 safer, above 1 more adventurous."),
    click.option("--cfg-coef", type=float, metavar="C", help="How closely the words are followed. Default: 3."),
)

where = _options(
    click.option(
        "-o", "--output", type=click.Path(path_type=Path), metavar="FILE",
        help="Where to write the music: a file, a folder, or - for standard output. The suffix says the format: "
        f"{', '.join(SUFFIXES)}. Default: a WAV file here, named by the description and the seed.",
    ),
    click.option("--format", type=click.Choice(_FORMATS), help="The format, where the suffix does not say it."),
    click.option("-f", "--force", is_flag=True, help="Overwrite files. By default a file that is there stops it."),
    click.option("--no-recipe", "recipe", flag_value=False, default=None,
                 help="Do not say in the file how it was made."),
    click.option("--play", is_flag=True, help="Play the music when it is there (ffplay, mpv, afplay, pw-play, aplay)."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object about the result, or about the error."),
    click.option("-q", "--quiet", is_flag=True, help="No progress."),
)  # fmt: skip

who = _options(
    click.option(
        "--server", envvar="MUSICGEN_SERVER", metavar="URL",
        help=f"The service. Default: $MUSICGEN_SERVER; else {DEFAULT_URL} if a service answers there; "
        "else the music is made in this process.",
    ),
    click.option("--local", is_flag=True, help="Make the music in this process, whatever services there are."),
    click.option(
        "--api-key", envvar="MUSICGEN_API_KEY", metavar="KEY", help="The service's key. Default: $MUSICGEN_API_KEY."
    ),
    click.option(
        "--wait", type=click.FloatRange(min=0), default=600.0, show_default=True, metavar="SECONDS",
        help="How long to wait for a busy service. 0: not at all.",
    ),
    click.option("--list-models", is_flag=True, help="List the models and exit."),
)  # fmt: skip
