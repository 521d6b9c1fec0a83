"""Other instances of the service, behind the same nginx: when will the first of all of them be free?

nginx passes a request on from one busy instance to the next, and what the last one says to the client. So each instance
has to know what the others would say. Knows neither Flask nor the settings.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

Address = tuple[str, int]

MARK = "X-MusicGen-Peer"
"""The header of a question that is for the asked instance alone, or it would ask back."""

ASK_S = 0.5
"""Longest wait for an answer."""
KEEP_S = 1.0
"""For so long an answer is good, so that a storm of requests does not become one of questions."""
FREE_S = 1


class Peers:
    """Callable: of the seconds until this instance is free, and until each of the others is, the fewest.

    Args:
        addresses: names and ports; a name stands for all its addresses, this instance's own may be among them.
    """

    def __init__(self, addresses: Collection[Address]) -> None:
        self._addresses = addresses
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._answers: list[int] = []

    def __call__(self, own_s: int) -> int:
        """Ask the others, unless that was just done. One that does not answer does not count."""
        if not self._addresses:
            return own_s
        with self._lock:
            if time.monotonic() - self._asked_at > KEEP_S:
                self._answers = self._ask_all()
                self._asked_at = time.monotonic()
            return min([own_s, *self._answers])

    def _ask_all(self) -> list[int]:
        found = {address for name, port in self._addresses for address in _resolve(name, port)}
        if not found:
            return []
        with ThreadPoolExecutor(len(found), "peers") as pool:
            return [seconds for seconds in pool.map(_ask, found) if seconds is not None]


def _resolve(name: str, port: int) -> set[Address]:
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {(str(address[0]), port) for *_, address in found}


def _ask(address: Address) -> int | None:
    """Seconds until the instance takes a request, None if it does not say."""
    connection = http.client.HTTPConnection(*address, timeout=ASK_S)
    try:
        connection.request("GET", "/api/healthcheck", headers={MARK: "1"})
        response = connection.getresponse()
        return FREE_S if response.status == 200 else int(response.headers.get("Retry-After", ""))
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
