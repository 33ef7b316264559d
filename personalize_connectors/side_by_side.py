"""Many waits for a storage at once, until the time is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class SideBySide:
    """Threads that wait for a storage.

    Attributes:
        pool: The threads.
        width: How many there are.
        clock: Seconds that pass.
    """

    pool: ThreadPoolExecutor
    width: int
    clock: Callable[[], float]

    def until(
        self, deadline: float, work: Callable[[Item], Result], items: Iterable[Item]
    ) -> dict[Item, Result]:
        """What the work gave, in the order of the items; those that were not done before the deadline are left out."""
        waiting = list(items)
        results: dict[Item, Result] = {}
        while waiting and (left := deadline - self.clock()) > 0:
            some, waiting = waiting[: self.width], waiting[self.width :]
            futures = {self.pool.submit(work, item): item for item in some}
            done, _ = wait(futures, timeout=left)
            results |= {item: future.result() for future, item in futures.items() if future in done}
        return results


@contextmanager
def side_by_side(width: int, clock: Callable[[], float] = time.monotonic) -> Iterator[SideBySide]:
    """Threads until the block ends; it does not wait for one that still waits for a storage."""
    pool = ThreadPoolExecutor(width, thread_name_prefix="side-by-side")
    try:
        yield SideBySide(pool, width, clock)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
