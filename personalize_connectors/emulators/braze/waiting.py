"""Accepted requests on their way to the profiles: late, and not in the order in which they came."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

from personalize_connectors.emulators.braze.settings import BrazeEmulatorSettings


class Waiting:
    """Accepted writes that are not applied yet.

    A 201 means queued (documented, 1.6); there is no order between requests (documented, 1.9). How late a request is
    comes from the seed and the number of requests accepted before it: the same arrivals, the same order (assumed).
    What is due is applied before the next call is answered.
    """

    def __init__(self, settings: BrazeEmulatorSettings, clock: Callable[[], float]) -> None:
        self._longest = settings.apply_delay
        self.late = settings.apply_delay > 0
        self._in_order = settings.apply_in_order
        self._random = random.Random(settings.seed)  # noqa: S311 - made-up delays, the same for the same seed
        self._clock = clock
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._latest = 0.0

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, write: Callable[[], None]) -> None:
        """Apply a write, now or when it is due."""
        if not self.late:
            write()
            return
        due = self._clock() + self._random.random() * self._longest
        if self._in_order:
            self._latest = due = max(due, self._latest)
        self._number += 1
        heapq.heappush(self._queue, (due, self._number, write))

    def apply_due(self) -> None:
        """Apply what is due by now."""
        if self._queue:
            now = self._clock()
            while self._queue and self._queue[0][0] <= now:
                heapq.heappop(self._queue)[2]()

    def flush(self) -> int:
        """Apply everything in the order in which it would have been, and return how many requests that was."""
        applied = len(self._queue)
        while self._queue:
            heapq.heappop(self._queue)[2]()
        return applied
