"""What something costs: seconds by the clock, and of a processor, which other work on the machine hardly changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, and of a processor."""

    clock: float
    processor: float

    def __str__(self) -> str:
        """Both, as they stand in a table."""
        return f"{self.clock:.2f} ({self.processor:.2f})"


def cost(work: Callable[[], object], processor: Callable[[], float]) -> Cost:
    """What work costs; `processor` gives the seconds that were used so far."""
    used, started = processor(), time.perf_counter()
    work()
    clock = time.perf_counter() - started
    return Cost(clock, processor() - used)


def least(costs: Sequence[Cost]) -> Cost:
    """The least of both."""
    return Cost(min(each.clock for each in costs), min(each.processor for each in costs))
