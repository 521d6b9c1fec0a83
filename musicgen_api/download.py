"""`python -m musicgen_api.download MODEL`: fetch a model's files into the hub's cache before it is needed."""

from __future__ import annotations

import argparse
import sys

from tqdm import tqdm

from musicgen_api.errors import MusicGenError
from musicgen_api.settings import ConfigurationError, Settings
from musicgen_api.synthesis.catalog import Catalog
from musicgen_api.synthesis.request import Phase


class _Terminal:
    """A monitor that draws a progress bar."""

    def __init__(self) -> None:
        self._bar = tqdm(unit="B", unit_scale=True, unit_divisor=1024, dynamic_ncols=True)

    def check(self) -> None:
        """Nothing stops a download but Ctrl-C."""

    def progress(self, percent: float, phase: Phase) -> None:
        """A download has no other phases."""

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
    options = parser.parse_args(arguments)
    terminal = _Terminal()
    try:
        settings = Settings.from_environment()
        entry = Catalog(settings).find(options.model)
        from musicgen_api.synthesis import diffusion, loading  # seconds of imports: after the cheap checks

        loading.fetch(entry.id, entry.source, terminal)
        if options.mbd:
            diffusion.fetch(settings.diffusion, terminal)
    except (MusicGenError, ConfigurationError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        terminal.close()
    print(f"{entry.id} is here.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
