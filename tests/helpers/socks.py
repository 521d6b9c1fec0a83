"""A SOCKS5 proxy on 127.0.0.1 (RFC 1928, 1929): `CONNECT`, with or without a password, and nothing else."""

from __future__ import annotations

import select
import socket
import struct
import threading
from contextlib import suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Self

_NO_PASSWORD, _PASSWORD, _NONE_SUITS = 0, 2, 0xFF
_IPV4, _NAME = 1, 3


class SocksProxy:
    """The proxy: `with SocksProxy() as proxy`; its address is `proxy.url`.

    Args:
        password: what clients must give, with the name `user`; none: they need not.
    """

    def __init__(self, password: str | None = None) -> None:
        self.connections: list[tuple[str, int]] = []
        """Where clients were connected to, by the host that they named."""
        self._server = ThreadingTCPServer(("127.0.0.1", 0), _handler(self, password))
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="socks")

    @property
    def url(self) -> str:
        """The address, for `ALL_PROXY`."""
        return f"socks5://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop, once all connections are closed."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(proxy: SocksProxy, password: str | None) -> type[StreamRequestHandler]:
    class Handler(StreamRequestHandler):
        timeout = 30

        def handle(self) -> None:
            with suppress(ConnectionError, TimeoutError):
                if self._greet():
                    self._connect()

        def _greet(self) -> bool:
            _, count = self.rfile.read(2)
            method = _NO_PASSWORD if password is None else _PASSWORD
            if method not in self.rfile.read(count):
                method = _NONE_SUITS
            self.wfile.write(bytes((5, method)))
            return method == _NO_PASSWORD or (method == _PASSWORD and self._is_known())

        def _is_known(self) -> bool:
            self.rfile.read(1)
            name, secret = (self.rfile.read(self.rfile.read(1)[0]) for _ in range(2))
            known = (name, secret) == (b"user", (password or "").encode())
            self.wfile.write(bytes((1, 0 if known else 1)))
            return known

        def _connect(self) -> None:
            _, _, _, kind = self.rfile.read(4)
            host = (
                socket.inet_ntoa(self.rfile.read(4))
                if kind == _IPV4
                else self.rfile.read(self.rfile.read(1)[0]).decode()
            )
            (port,) = struct.unpack("!H", self.rfile.read(2))
            proxy.connections.append((host, port))
            try:
                upstream = socket.create_connection((host, port), timeout=30)
            except OSError:
                self.wfile.write(bytes((5, 5, 0, _IPV4, 0, 0, 0, 0, 0, 0)))
                return
            with upstream:
                self.wfile.write(bytes((5, 0, 0, _IPV4, 0, 0, 0, 0, 0, 0)))
                self._relay(upstream)

        def _relay(self, upstream: socket.socket) -> None:
            """Carry bytes both ways until one side ends."""
            other = {self.connection: upstream, upstream: self.connection}
            while True:
                readable, _, _ = select.select(list(other), [], [], 30)
                for side in readable:
                    if not (piece := side.recv(1 << 16)):
                        return
                    other[side].sendall(piece)
                if not readable:
                    return

    return Handler
