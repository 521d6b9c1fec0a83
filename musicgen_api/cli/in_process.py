"""The service in this process, for a command line that finds none: the same application, without a port.

Requests go through the same client, routes and GPU thread. This is the one module of the command line that knows them.
"""

from __future__ import annotations

import dataclasses
import sys
import threading
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2

from musicgen_api import create_app
from musicgen_api.client.errors import ClientError
from musicgen_api.client.service import Service
from musicgen_api.jobs.gpu_thread import GpuThread
from musicgen_api.settings import ConfigurationError, Settings

_HEARTBEAT_S = 0.25
"""A call into the application lasts no longer, so Ctrl-C is heard as soon."""

_OF_THE_NETWORK = {"hosts", "proxy_hops", "api_keys", "api_keys_file"}

_STOP_S = 2.0
"""How long a cancelled job may take to stop. An import of torch cannot be stopped; it ends with the process."""


@asynccontextmanager
async def in_process() -> AsyncIterator[Service]:
    """A service that ends with the block. Models are loaded when the first request needs them.

    Raises:
        ClientError: a setting of the environment cannot be used.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of libraries to each other: nothing that one who makes music can mend
    try:
        app = create_app(_settings())
    except ConfigurationError as error:
        raise ClientError(str(error)) from None
    gpu_thread: GpuThread = app.extensions["musicgen_gpu_thread"]
    try:
        async with Service("http://localhost", transport=_Transport(app)) as service:
            yield service
    finally:
        gpu_thread.stop(abandon_after_s=_STOP_S)


def _settings() -> Settings:
    """The environment's settings, but for those that say who may reach a service. Raises ConfigurationError."""
    settings, usual = Settings.from_environment(), Settings()
    names = {field.name for field in dataclasses.fields(settings)} & _OF_THE_NETWORK
    open_to_us = {name: getattr(usual, name) for name in names}
    return dataclasses.replace(settings, preload=False, heartbeat_s=_HEARTBEAT_S, **open_to_us)


class _Transport(httpx2.AsyncBaseTransport):
    """Requests for a WSGI application, each step of it on a thread of its own: the loop hears of Ctrl-C."""

    def __init__(self, app: Any) -> None:
        self._wsgi = httpx2.WSGITransport(app)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        content = await request.aread()
        plain = httpx2.Request(request.method, request.url, headers=request.headers, content=content)
        response = await anyio.to_thread.run_sync(self._wsgi.handle_request, plain)
        assert isinstance(response.stream, httpx2.SyncByteStream)
        return httpx2.Response(response.status_code, headers=response.headers, stream=_Stream(response.stream))


class _Stream(httpx2.AsyncByteStream):
    """An answer that a generator gives, which two threads must not enter at once."""

    def __init__(self, stream: httpx2.SyncByteStream) -> None:
        self._stream = stream
        self._chunks: Iterator[bytes] = iter(stream)
        self._entered = threading.Lock()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (chunk := await anyio.to_thread.run_sync(self._next)) is not None:
            yield chunk

    async def aclose(self) -> None:
        """Close the answer, which cancels its job."""
        await anyio.to_thread.run_sync(self._close)

    def _next(self) -> bytes | None:
        with self._entered:
            return next(self._chunks, None)

    def _close(self) -> None:
        with self._entered:
            self._stream.close()
