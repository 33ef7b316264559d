"""What is being done right now, for whoever watches; nobody by default."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Watcher(Protocol):
    """Hears what is done; from any thread."""

    def line(self, text: str) -> None:
        """One meaningful step is done."""
        ...

    def now(self, text: str) -> None:
        """Something goes on, and replaces what went on before."""
        ...


_watchers: list[Watcher] = []


def line(text: str) -> None:
    """Say that a step is done."""
    for watcher in _watchers:
        watcher.line(text)


def report(text: str) -> None:
    """Say what is being done."""
    for watcher in _watchers:
        watcher.now(text)


@contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """Let somebody watch until the block ends."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)
