"""A rate limit's fixed windows: what we count in one, and what the destination tells of one."""

from __future__ import annotations

import math
from dataclasses import dataclass

_SURELY = 0.95
"""Of what had room beside others, the part that is safe in the next window."""

_FOR_ONE_MORE = 64
"""Requests taken beyond the safe ones that allow one more of them in flight."""


@dataclass(slots=True)
class CountedWindow:
    """A window of our own count, aligned to the clock.

    Attributes:
        configured: Requests that it holds as far as we know.
        seconds: Its length.
        limit: What holds now: less than configured while the destination says so.
        safe: Requests that had room in earlier windows beside those of others; beyond them we feel our way.
        shared: Whether others were seen to send in it.
        used: Requests that the destination may have counted in it.
        carried: Those of them that were in flight when it began, and may have been counted in the one before.
        begin: When it began by our clock.
        end: When it ends.
    """

    configured: int
    seconds: int
    limit: int
    safe: float
    shared: bool = False
    used: int = 0
    carried: int = 0
    begin: float = 0.0
    end: float = 0.0
    _index: float = -1.0

    def at(self, now: float, shift: float, in_flight: int) -> None:
        """Move to the window of this moment, whose edges lie `shift` seconds later than by our clock."""
        index = (now - shift) // self.seconds
        if index != self._index:
            self.safe = self.safe if self.shared else max(self.safe, self.used)
            self.shared = False
            self._index, self.used, self.carried = index, in_flight, in_flight
        self.begin = index * self.seconds + shift
        self.end = (index + 1) * self.seconds + shift

    def share(self, taken: int) -> None:
        """Learn that others send: that only so many of ours had room."""
        self.safe, self.shared = max(taken * _SURELY, min(self.safe, self.limit) / 2), True

    def narrow(self, in_flight: int) -> bool:
        """Whether one more in flight would be too many, beyond what is safe."""
        beyond = self.used - self.safe
        return beyond > 0 and in_flight > beyond // _FOR_ONE_MORE


@dataclass(slots=True)
class ToldWindow:
    """A window as the destination tells of it.

    Attributes:
        remaining: The fewest requests that were said to be left: the newest word, for answers arrive out of order.
        end: When it ends by our clock; then nothing is told.
    """

    remaining: float = math.inf
    end: float = 0.0

    def hear(self, remaining: int, end: float, slack: float) -> None:
        """Take what was said of this window, or of the next one if that ends later by more than the slack."""
        if end > self.end + slack:
            self.remaining, self.end = remaining, end
        else:
            self.remaining, self.end = min(self.remaining, remaining), min(self.end, end)
