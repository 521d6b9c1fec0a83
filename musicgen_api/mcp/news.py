"""The job's news as the protocol's progress notifications."""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver import Context

from musicgen_api.client.messages import Loading, News, Progress, Queued, Waiting

_LEAST_STEP = 0.001
"""The protocol demands that each notification's value is above the last one's, also while nothing moves."""


class Reporter:
    """Sends the news to the client of one call. Where it did not ask for progress, nothing is sent."""

    def __init__(self, context: Context[Any, Any]) -> None:
        self._context = context
        self._percent = 0.0
        self._sentence = ""

    async def report(self, news: News) -> None:
        """Send this, if it is new."""
        match news:
            case Waiting(reason, retry_in_s):
                await self._send(f"Waiting. {reason} The next try is in {retry_in_s:.0f} s.")
            case Queued(position):
                await self._send(f"Waiting: number {position} in the queue.")
            case Loading(model, bytes_done, bytes_total):
                done = f"{100 * bytes_done // bytes_total} %" if bytes_total else f"{bytes_done >> 20} MB"
                await self._send(f"Downloading {model}: {done}")
            case Progress(percent, phase):
                await self._send(phase.capitalize(), percent)
            case _:
                pass

    async def _send(self, sentence: str, percent: float = 0.0) -> None:
        if sentence == self._sentence and int(percent) <= int(self._percent):
            return
        self._sentence = sentence
        self._percent = max(percent, self._percent + _LEAST_STEP)
        await self._context.report_progress(self._percent, 100.0, sentence)
