"""Other HTTP clients with the same requests, made beforehand: nothing is limited, retried or written down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import aiohttp
import requests
import urllib3

from benchmarks.delivery.processes import Spell, clocked
from benchmarks.delivery.records import of_size
from personalize_connectors.connectors.braze import CONNECTOR
from personalize_connectors.connectors.braze.settings import MOST_BYTES, MOST_OBJECTS
from personalize_connectors.delivery.parcels import cut

_CREATED = 201
_PATH = "/users/track"


def by_requests(url: str, size: int, seconds: float, threads: int) -> Spell:
    """The `requests` library in threads, each with a session."""

    def post(bodies: Iterator[bytes]) -> int:
        count = 0
        with requests.Session() as session:
            session.headers.update(_headers(url))
            for count, body in enumerate(bodies, 1):  # noqa: B007 - the last one is the result
                _check(session.post(url + _PATH, data=body).status_code)
        return count

    return _in_threads(post, size, seconds, threads)


def by_urllib3(url: str, size: int, seconds: float, threads: int) -> Spell:
    """urllib3 in threads, each with a pool."""

    def post(bodies: Iterator[bytes]) -> int:
        count = 0
        with urllib3.PoolManager(headers=_headers(url), retries=False) as pool:
            for count, body in enumerate(bodies, 1):  # noqa: B007 - the last one is the result
                _check(pool.request("POST", url + _PATH, body=body).status)
        return count

    return _in_threads(post, size, seconds, threads)


def by_aiohttp(url: str, size: int, seconds: float, in_flight: int) -> Spell:
    """One session of aiohttp."""

    async def post(session: aiohttp.ClientSession, bodies: Iterator[bytes]) -> int:
        count = 0
        for count, body in enumerate(bodies, 1):  # noqa: B007 - the last one is the result
            async with session.post(url + _PATH, data=body) as response:
                await response.read()
                _check(response.status)
        return count

    async def post_all(shares: list[Iterator[bytes]]) -> list[int]:
        async with aiohttp.ClientSession(headers=_headers(url)) as session:
            return await asyncio.gather(*(post(session, share) for share in shares))

    return _clocked(lambda shares: asyncio.run(post_all(shares)), size, seconds, in_flight)


def _in_threads(post: Callable[[Iterator[bytes]], int], size: int, seconds: float, threads: int) -> Spell:
    def post_all(shares: list[Iterator[bytes]]) -> list[int]:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(post, shares))

    return _clocked(post_all, size, seconds, threads)


def _clocked(
    post_all: Callable[[list[Iterator[bytes]]], list[int]], size: int, seconds: float, shares: int
) -> Spell:
    parcels = cut(of_size(size), MOST_OBJECTS, MOST_BYTES)
    bodies = [parcel.body(CONNECTOR.envelope) for parcel in parcels]

    def send() -> tuple[int, int]:
        end = time.perf_counter() + seconds
        requests = sum(post_all([_until(end, bodies) for _ in range(shares)]))
        return requests, requests * len(bodies[0])

    return clocked(send)


def _until(end: float, bodies: Sequence[bytes]) -> Iterator[bytes]:
    for body in cycle(bodies):
        if time.perf_counter() >= end:
            return
        yield body


def _headers(url: str) -> dict[str, str]:
    """Those that our engine sends."""
    return dict(CONNECTOR.destination({"BRAZE_REST_ENDPOINT_URL": url, "BRAZE_API_KEY": "key"}).headers)


def _check(status: int) -> None:
    if status != _CREATED:
        raise SystemExit(f"the server answered {status}")
