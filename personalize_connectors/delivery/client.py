"""One request over HTTP: its answer, or why there is none."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import aiohttp

from personalize_connectors.connectors.exchange import Answer, Call, Destination

_LARGEST_ANSWER = 4 << 20
# aiohttp sends bytes up to here in one go, and warns above.
_ONE_GO = 1 << 20


@dataclass(frozen=True)
class Timeouts:
    """Seconds to connect, and to wait for the next bytes of an answer."""

    connect: float = 5.0
    read: float = 30.0


@dataclass(frozen=True)
class NoAnswer:
    """Why there is no answer; `sent` where the destination may have got the request all the same."""

    text: str
    sent: bool


class Client(Protocol):
    """What sends requests."""

    async def send(self, destination: Destination, call: Call, body: bytes) -> Answer | NoAnswer:
        """Make a call, and read its answer to the end."""
        ...


Connect = Callable[[int, Timeouts], AbstractAsyncContextManager[Client]]


@asynccontextmanager
async def open_client(connections: int, timeouts: Timeouts) -> AsyncIterator[HttpClient]:
    """A client that keeps its connections, for one event loop."""
    connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=30)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=timeouts.connect, sock_read=timeouts.read)
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield HttpClient(session)


@dataclass(frozen=True)
class HttpClient:
    """Sends requests over HTTP; what a redirect points to is not followed."""

    session: aiohttp.ClientSession

    async def send(self, destination: Destination, call: Call, body: bytes) -> Answer | NoAnswer:
        """Make a call, and read its answer to the end."""
        data = body if len(body) <= _ONE_GO else io.BytesIO(body)
        try:
            async with self.session.request(
                call.method,
                destination.url + call.path,
                data=data,
                headers=destination.headers,
                allow_redirects=False,
            ) as response:
                answer = await response.content.read(_LARGEST_ANSWER)
                while not response.content.at_eof():
                    more = await response.content.read(_LARGEST_ANSWER)
                    if len(answer) + len(more) > _LARGEST_ANSWER:
                        return NoAnswer(f"HTTP {response.status} with an answer of over 4 MiB", sent=True)
                    answer += more
                return Answer(response.status, response.headers, answer)
        except aiohttp.ClientConnectorError as error:
            return NoAnswer(f"no connection ({type(error).__name__})", sent=False)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            return NoAnswer(f"no answer ({type(error).__name__})", sent=True)
