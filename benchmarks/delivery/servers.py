"""What the clients send to: the Braze emulator, and a server that reads a request and does nothing with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import uvloop

from personalize_connectors.emulators.braze import read_settings, serve

_BODY = b'{"attributes_processed":75,"message":"success"}'
_ANSWER = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_BODY)
    + _BODY
)
_END_OF_HEAD = b"\r\n\r\n"


def emulator(ready: Callable[[str], None], settings: dict[str, Any]) -> None:
    """Serve a Braze workspace."""
    serve(read_settings(settings), ready=ready)


def sink(ready: Callable[[str], None]) -> None:
    """Read requests to their end and answer each as Braze does when it takes 75 objects."""

    async def listen() -> None:
        server = await asyncio.get_running_loop().create_server(_Sink, "127.0.0.1", 0)
        ready("http://{}:{}".format(*server.sockets[0].getsockname()))
        await server.serve_forever()

    uvloop.run(listen())


class _Sink(asyncio.BufferedProtocol):
    """One connection whose requests have a `Content-Length` and do not overlap."""

    def __init__(self) -> None:
        self._buffer = bytearray(1 << 18)
        self._head = b""
        self._missing = 0

    def connection_made(self, transport: Any) -> None:
        """Remember whom to answer."""
        self._transport = transport

    def get_buffer(self, _: int) -> bytearray:
        """Where the next bytes go: over the last ones."""
        return self._buffer

    def buffer_updated(self, size: int) -> None:
        """Count what came, and answer at the end of a request."""
        if not self._missing:
            self._head += bytes(self._buffer[:size])
            head, end, body = self._head.partition(_END_OF_HEAD)
            if not end:
                return
            self._missing = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            self._head, size = b"", len(body)
        self._missing -= size
        if not self._missing:
            self._transport.write(_ANSWER)
