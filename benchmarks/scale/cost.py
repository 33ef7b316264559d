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
        return f"{self.clock:.3f} ({self.processor:.3f})"


def cost(
    work: Callable[[], object],
    processor: Callable[[], float],
    times: int = 1,
    before: Callable[[], object] = lambda: None,
) -> Cost:
    """What work costs that is done so many times, each after something that costs nothing: the least by the clock.

    Of the processor it is the mean, for Linux tells the time of other processes in steps of 0.01 s, and the least of small figures
    would be that of the steps. `processor` gives the seconds that were used so far.
    """
    clock, used = [], 0.0
    for _ in range(times):
        before()
        used_before, started = processor(), time.perf_counter()
        work()
        clock.append(time.perf_counter() - started)
        used += processor() - used_before
    return Cost(min(clock), used / times)


def least(costs: Sequence[Cost]) -> Cost:
    """The least of both."""
    return Cost(min(each.clock for each in costs), min(each.processor for each in costs))
