"""A rate limit's fixed windows: what we count in one, and what the destination tells of one."""

from __future__ import annotations

import math
from dataclasses import dataclass

_ROUNDING = 1.0  # headers count in whole seconds
_LATE_ANSWERS = 0.5  # seconds after its begin in which a window's answers mix with those of the one before
_SURELY = 0.95  # of what had room beside others, what will have room again
_FOR_ONE_MORE = 64  # requests taken beyond the safe ones that allow one more of them in flight


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
            self._index, self.used, self.carried, self.shared = index, in_flight, in_flight, False
        self.begin = index * self.seconds + shift
        self.end = (index + 1) * self.seconds + shift

    def share(self, taken: int) -> None:
        """Learn that others send, and leave room for so many of ours; one window's word halves it at most."""
        self.safe, self.shared = max(taken * _SURELY, min(self.safe, self.limit) / 2), True

    def narrow(self, in_flight: int) -> bool:
        """Whether one more in flight would be too many, beyond what is safe."""
        beyond = self.used - self.safe
        return beyond > 0 and in_flight > beyond // _FOR_ONE_MORE

    def may_be_late(self, now: float) -> bool:
        """Whether an answer may be to a request that was counted in the window before."""
        return self.carried > 0 and now < self.begin + min(_LATE_ANSWERS, self.seconds / 4)

    def end_told(self, reset_in: float | None, now: float) -> float | None:
        """When the window ends of which an answer tells, or None where that may be one that is over."""
        told = self.end if reset_in is None else now + reset_in
        if told <= now or self.may_be_late(now):
            return None
        if self.end - slack(self.seconds) <= told <= self.end + max(_ROUNDING, self.seconds / 2):
            return self.end
        return None if told < self.end and told - now <= _ROUNDING else told


@dataclass(slots=True)
class ToldWindow:
    """A window as the destination tells of it.

    Attributes:
        remaining: The fewest requests that were said to be left: the newest word, for answers arrive out of order.
        end: When it ends by our clock; then nothing is told.
    """

    remaining: float = math.inf
    end: float = 0.0

    def hear(self, remaining: int, end: float, seconds: float) -> None:
        """Take what was said of this window of so many seconds, or of the next one if that ends well after this one."""
        if end > self.end + slack(seconds):
            self.remaining, self.end = remaining, end
        else:
            self.remaining, self.end = min(self.remaining, remaining), min(self.end, end)


def slack(seconds: float) -> float:
    """By how much two ends that were told of one window may differ."""
    return min(_ROUNDING, seconds / 2)
