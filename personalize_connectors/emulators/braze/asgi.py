"""The few ASGI messages that the emulator reads and sends, and what it does to a connection below them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from personalize_connectors.emulators.braze.answers import Answer

Message = MutableMapping[str, Any]
Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

JSON_TYPE = (b"content-type", b"application/json")
NO_LINGER = struct.pack("ii", 1, 0)


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol that lets the application at its connection: faults happen below HTTP."""

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["state"]["transport"] = self.transport


class ClientGone(Exception):
    """The client left before its request was whole."""


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """The body of a request; None when it is over the limit, read to its end so that the connection lives on.

    Raises:
        ClientGone: there is nobody to answer any more, and nothing to take for a request.
    """
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        part = await receive()
        if part["type"] == "http.disconnect":
            raise ClientGone
        more = part.get("more_body", False)
        size += len(part.get("body", b""))
        if size <= limit:
            parts.append(part.get("body", b""))
    return b"".join(parts) if size <= limit else None


async def send_answer(send: Send, answer: Answer) -> None:
    """Send an answer in one piece."""
    await send(_start(answer))
    await send({"type": "http.response.body", "body": answer.body})


async def send_pieces(send: Send, pieces: Iterable[bytes]) -> None:
    """Send a 200 piece by piece, each made when the one before is on its way."""
    await send({"type": "http.response.start", "status": 200, "headers": [JSON_TYPE]})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def send_truncated(scope: Scope, receive: Receive, send: Send, answer: Answer) -> None:
    """Send half of the body that the headers promise, and close the connection."""
    await send(_start(answer))
    half = answer.body[: len(answer.body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
    scope["state"]["transport"].close()
    await receive()


async def reset(scope: Scope, receive: Receive) -> None:
    """Break the connection off: the client gets a TCP reset, not an end."""
    transport = scope["state"]["transport"]
    if transport.is_closing():
        return
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    transport.abort()
    await receive()


class Held:
    """The calls whose answers are held back."""

    def __init__(self) -> None:
        self._transports: set[Any] = set()

    async def hold(self, scope: Scope, receive: Receive, seconds: float | None) -> None:
        """Wait, without end if there is none, but no longer than the client: after the body comes its leaving."""
        transport = scope["state"]["transport"]
        self._transports.add(transport)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await receive()
        finally:
            self._transports.discard(transport)

    def release(self) -> None:
        """Break off the calls that are held, so that a server can stop."""
        for transport in list(self._transports):
            transport.abort()


def _start(answer: Answer) -> Message:
    headers = [JSON_TYPE, (b"content-length", b"%d" % len(answer.body))]
    headers += [(name.lower().encode(), value.encode()) for name, value in answer.headers]
    return {"type": "http.response.start", "status": answer.status, "headers": headers}
