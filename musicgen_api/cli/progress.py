"""The job's news on the terminal: one line that moves, on standard error."""

from __future__ import annotations

import sys
from typing import Any

import click
from tqdm import tqdm

from musicgen_api.client.messages import Loading, News, Progress, Queued, Waiting


class ProgressLine:
    """A bar on a terminal. Where standard error is no terminal, only what one has to wait for, a line each."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Any = tqdm(
            total=100,
            desc="starting",
            bar_format="{desc:<22.40} {percentage:3.0f}% |{bar}|",
            dynamic_ncols=True,
            leave=False,
            disable=quiet or not sys.stderr.isatty(),
        )

    async def show(self, news: News) -> None:
        """Move the line."""
        match news:
            case Waiting(reason):
                self._say(reason)
            case Queued(position):
                self._say(f"Waiting: number {position} in the queue.")
            case Loading(model, bytes_done, bytes_total):
                self._move(f"downloading {model}", 100 * bytes_done / bytes_total if bytes_total else 0, None)
            case Progress(percent, phase, remaining_s):
                self._move(phase, percent, remaining_s)
            case _:
                pass

    def close(self) -> None:
        """Take the line away."""
        self._bar.close()

    def _move(self, what: str, percent: float, remaining_s: float | None) -> None:
        left = "" if remaining_s is None else f", {remaining_s:.0f} s left"
        self._bar.set_description_str(what + left, refresh=False)
        self._bar.n = percent
        self._bar.refresh()

    def _say(self, sentence: str) -> None:
        if self._bar.disable:
            if not self._quiet:
                click.echo(sentence, err=True)
        else:
            self._bar.write(sentence, file=sys.stderr)
