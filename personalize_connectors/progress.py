"""What a long step is doing right now, for whoever watches; nobody by default."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_watchers: list[Callable[[str], None]] = []


def report(text: str) -> None:
    """Say what is being done."""
    for watcher in _watchers:
        watcher(text)


@contextmanager
def watched_by(watcher: Callable[[str], None]) -> Iterator[None]:
    """Hear reports from all threads until the block ends."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)
