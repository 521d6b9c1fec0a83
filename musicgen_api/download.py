"""`python -m musicgen_api.download MODEL`: fetch a model's files into the hub's cache before it is needed."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing

from tqdm import tqdm

from musicgen_api import environment
from musicgen_api.domain.errors import MusicGenError
from musicgen_api.domain.request import Phase, Reading, Sound
from musicgen_api.models.catalog import Catalog
from musicgen_api.settings import ConfigurationError, Settings


class _Terminal:
    """A monitor that draws a progress bar."""

    def __init__(self) -> None:
        self._bar = tqdm(unit="B", unit_scale=True, unit_divisor=1024, dynamic_ncols=True)

    def check(self) -> None:
        """Nothing stops a download but Ctrl-C."""

    def progress(self, percent: float, phase: Phase) -> None:
        """A download has no other phases."""

    def read(self, reading: Reading) -> None:
        """A download reads no description."""

    def sound(self, sound: Sound) -> None:
        """A download makes none."""

    def download(self, model: str, bytes_done: int, bytes_total: int) -> None:
        """Move the bar."""
        self._bar.set_description(model, refresh=False)
        self._bar.total = bytes_total
        self._bar.update(bytes_done - self._bar.n)

    def close(self) -> None:
        """Leave the finished bar on the screen."""
        self._bar.close()


def main(arguments: list[str] | None = None) -> int:
    """Download, showing how far it is. 0 when all files are here."""
    parser = argparse.ArgumentParser(prog="python -m musicgen_api.download", description=__doc__)
    parser.add_argument("model", help="id of a model of the catalogue, such as facebook/musicgen-small")
    parser.add_argument("--mbd", action="store_true", help="fetch the weights of MultiBand Diffusion as well")
    parser.add_argument("--demucs", action="store_true", help="fetch what separates melodies as well")
    options = parser.parse_args(arguments)
    try:
        if replaced := environment.settle():
            print(replaced, file=sys.stderr)
        print(f"{_download(options.model, diffusion_too=options.mbd, separator_too=options.demucs)} is here.")
    except (MusicGenError, ConfigurationError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _download(model: str, *, diffusion_too: bool, separator_too: bool) -> str:
    """Fetch all files of `model`; its id in the catalogue's spelling. Raises as `checkpoint.fetch` does."""
    settings = Settings.from_environment()
    entry = Catalog(settings).find(model)
    from musicgen_api.generation import diffusion  # seconds of imports: after the cheap checks
    from musicgen_api.models import checkpoint, melody

    with closing(_Terminal()) as terminal:
        checkpoint.fetch(entry.id, entry.source, terminal)
        if diffusion_too:
            diffusion.fetch(settings.diffusion, terminal)
        if separator_too:
            melody.fetch_separator(terminal)
    return entry.id


if __name__ == "__main__":
    sys.exit(main())
