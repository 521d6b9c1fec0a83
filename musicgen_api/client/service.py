"""A running service, asked over HTTP.

    async with Service("http://127.0.0.1:8000") as service:
        music = await service.music(Order({"description": "calm piano"}), on_news=print_it)

Cancelling the task closes the connection, and a closed connection stops the job.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import anyio
import httpx2

from musicgen_api.client import reading
from musicgen_api.client.errors import Busy, ClientError, UnexpectedAnswer, Unreachable
from musicgen_api.client.messages import Model, Music, News, Order, Upload, Waiting

DEFAULT_URL = "http://127.0.0.1:8000"

LONGEST_PAUSE_S = 15.0
"""Between two tries at a busy service. A job that its client cancels ends long before its Retry-After."""

PROBE_S = 5.0
"""The service answers at once whatever it does; something that takes longer is something else."""

_TIMEOUT = httpx2.Timeout(120.0, connect=10.0)
"""The service sends something every second; 120 s without a byte is a connection that is gone."""

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

OnNews = Callable[[News], Awaitable[None]]


async def _ignore(news: News) -> None:
    """Take no interest."""


class Service:
    """`async with Service(url) as service`. All methods raise `ClientError`."""

    def __init__(
        self, url: str = DEFAULT_URL, *, api_key: str | None = None, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            url: the service's address; `http://` may be left out, a path is kept.
            api_key: sent as `Authorization: Bearer`.
            transport: something else than the network.

        Raises:
            ClientError: `url` cannot be an address, or the key not a header.
        """
        self.url = (url if "://" in url else f"http://{url}").rstrip("/")
        _check_address(self.url)
        if api_key is not None and not (api_key.isascii() and api_key.isprintable()):
            raise ClientError("The API key has characters that no HTTP header can carry.")
        self._http = httpx2.AsyncClient(
            base_url=self.url,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=_TIMEOUT,
            transport=transport,
            mounts={f"all://{host}": None for host in _LOOPBACK} if transport is None else None,  # past any proxy
        )

    async def __aenter__(self) -> Self:
        """Open."""
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *details: Any) -> None:
        """Close all connections."""
        await self._http.__aexit__(*details)

    async def answers(self) -> bool:
        """Whether this service, and no other program, is at the address."""
        try:
            with anyio.move_on_after(PROBE_S):
                await self.models()
                return True
        except (Unreachable, UnexpectedAnswer):
            return False
        except ClientError:
            return True  # it asks for a key, say
        return False

    async def models(self) -> list[Model]:
        """The models that a request may name."""
        with self._failures():
            response = await self._http.get("/api/models")
            return reading.models(reading.json_object(await _body(response)))

    async def recipe(self, file: Upload) -> dict[str, Any]:
        """How a file of this service was made: `request` is what to order to make it again."""
        with self._failures():
            response = await self._http.post("/api/recipe", files={"file": (file.name, file.data, file.content_type)})
            return reading.json_object(await _body(response))

    async def music(self, order: Order, *, on_news: OnNews = _ignore, patience_s: float = 600.0) -> Music:
        """Make the music; wait while the service is busy, up to `patience_s` seconds in all.

        Raises:
            Busy: it still is.
            ClientError: see the tree.
        """
        give_up_at = time.monotonic() + patience_s
        while True:
            try:
                with self._failures():
                    return await self._try(order, on_news)
            except Busy as busy:
                left_s = give_up_at - time.monotonic()
                if left_s <= 0:
                    raise
                pause_s = min(busy.retry_after_s, LONGEST_PAUSE_S, left_s)
                await on_news(Waiting(busy.message, pause_s))
                await anyio.sleep(pause_s)

    async def _try(self, order: Order, on_news: OnNews) -> Music:
        async with self._http.stream("POST", "/api/music", **_sent(order)) as response:
            if response.status_code != 200:
                await _body(response)
            events = httpx2.EventSource(response, max_event_size=None)  # the last one holds the music
            async for event in events:
                message = reading.news_or_music(reading.json_object(event.data))
                if isinstance(message, Music):
                    return message
                if message is not None:
                    await on_news(message)
        raise Unreachable(f"The connection to {self.url} ended before the music was finished.")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """The HTTP client's errors become ours."""
        try:
            yield
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise Unreachable(f"No service answers at {self.url}: {error or 'the connection timed out'}.") from None
        except httpx2.SSEError:
            raise UnexpectedAnswer(f"What answers at {self.url} sends no event stream: not MusicGen API.") from None
        except httpx2.TransportError as error:
            why = str(error) or type(error).__name__
            raise Unreachable(f"The connection to {self.url} broke off: {why}.") from None


def _check_address(url: str) -> None:
    try:
        parsed = httpx2.URL(url)
        right = parsed.scheme in ("http", "https") and parsed.host and (parsed.port or 80) <= 65535
    except httpx2.InvalidURL:
        right = False
    if not right:
        raise ClientError(f"{url!r} is not the address of a service, such as {DEFAULT_URL}.")


def _sent(order: Order) -> dict[str, Any]:
    """The request's body: JSON, or with sound files a form that has the JSON in a part of its own."""
    text = json.dumps(dict(order.fields)).encode("ascii")  # whatever it holds: the service says what is wrong with it
    if not order.uploads:
        return {"content": text, "headers": {"Content-Type": "application/json"}}
    files = {name: (upload.name, upload.data, upload.content_type) for name, upload in order.uploads.items()}
    return {"files": {"request": (None, text, "application/json"), **files}}


async def _body(response: httpx2.Response) -> bytes:
    """The answer's body. Raises the error that it tells, where its status is not 200."""
    body = await response.aread()
    if response.status_code != 200:
        raise reading.error_of(response.status_code, body, response.headers.get("Retry-After"))
    return body
