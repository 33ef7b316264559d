"""The few ASGI messages that the emulator reads and sends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from personalize_connectors.emulators.braze.workspace import Answer

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

JSON_TYPE = (b"content-type", b"application/json")


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """The body of a request; None when it is over the limit, read to its end so that the connection lives on."""
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        part = await receive()
        more = part.get("more_body", False)
        size += len(part.get("body", b""))
        if size <= limit:
            parts.append(part.get("body", b""))
    return b"".join(parts) if size <= limit else None


async def send_answer(send: Send, answer: Answer) -> None:
    """Send an answer in one piece."""
    headers = [JSON_TYPE, (b"content-length", b"%d" % len(answer.body))]
    headers += [(name.lower().encode(), value.encode()) for name, value in answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def send_pieces(send: Send, pieces: Iterable[bytes]) -> None:
    """Send a 200 piece by piece, each made when the one before is on its way."""
    await send({"type": "http.response.start", "status": 200, "headers": [JSON_TYPE]})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def hold_back(receive: Receive, seconds: float) -> None:
    """Wait, but no longer than the client does: after the body, what comes next is that it has gone."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await receive()
