"""Processes of their own: the client on one processor, the server on another, so that neither takes the other's time."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import psutil

from benchmarks.command import unheard

T = TypeVar("T")
Serve = Callable[..., None]

_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Spell:
    """What a client did in a while.

    Attributes:
        requests: Those that were answered.
        body_bytes: Bytes of their bodies.
        seconds: By the clock.
        cpu: Seconds of a processor that its process used.
    """

    requests: int
    body_bytes: int
    seconds: float
    cpu: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


@dataclass(frozen=True)
class Server:
    """A server in a process of its own."""

    url: str
    process: psutil.Process

    def cpu(self) -> float:
        """Seconds of a processor that it used so far."""
        used = self.process.cpu_times()
        return float(used.user + used.system)


def clocked(send: Callable[[], tuple[int, int]]) -> Spell:
    """How long this process takes to send so many requests and bytes as `send` says."""
    started, used = time.perf_counter(), time.process_time()
    requests, body_bytes = send()
    return Spell(requests, body_bytes, time.perf_counter() - started, time.process_time() - used)


def pinned() -> bool:
    """Whether client and server have a processor each."""
    return len(_processors()) > 1


def as_client(function: Callable[..., T], *given: Any) -> T:
    """What a function returns in a new process on the client's processor."""
    with ProcessPoolExecutor(1, _SPAWN, initializer=_pin, initargs=(0,)) as alone:
        with unheard():
            found = alone.submit(function, *given)
        return found.result()


@contextmanager
def serving(serve: Serve, *given: Any) -> Iterator[Server]:
    """A server in a new process on the server's processor; `serve` hears as its first argument whom to tell its address."""
    ours, theirs = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=_serve, args=(theirs, serve, given), daemon=True)
    with unheard():
        process.start()
    theirs.close()
    try:
        yield Server(ours.recv(), psutil.Process(process.pid))
    finally:
        process.terminate()
        process.join()


def _serve(ready: Connection, serve: Serve, given: tuple[Any, ...]) -> None:
    _pin(-1)
    serve(ready.send, *given)


def _pin(place: int) -> None:
    if pinned():
        os.sched_setaffinity(0, {_processors()[place]})


def _processors() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
