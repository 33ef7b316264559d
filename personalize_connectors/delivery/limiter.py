"""When a request may go: as many as the destination's rate windows hold, and no more.

Source: Braze documentation, "API limits": windows are fixed and begin at multiples of their length; several can hold at once, and the
headers then tell of the longest; the workspaces of a company share them.
"""

from __future__ import annotations

import math
import random
import time
from collections import deque
from collections.abc import Callable, Sequence

from personalize_connectors.connectors.exchange import Quota
from personalize_connectors.connectors.settings import RateWindow
from personalize_connectors.delivery.rate_windows import CountedWindow, ToldWindow

_SOON = 0.02
_NO_WINDOW = 1.0  # seconds to wait after a 429 that nothing explains
_SPREAD, _WIDEST_SPREAD = 0.02, 0.5  # of a window: who waited for its end wakes that much later
_ROUNDING = 1.0  # headers count in whole seconds
_LATE_ANSWERS = 0.5  # seconds in which answers to what was in flight at an edge are expected
_NEARLY = 1.05
_FIRST_STEP, _LARGEST_STEP = (
    0.02,
    0.5,
)  # seconds from a 429 to where the destination's window is thought to end


class RateLimiter:
    """Says when a request may go, from one thread; counts those that went, and learns from the answers."""

    def __init__(
        self,
        windows: Sequence[RateWindow],
        now: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Begin with what is configured.

        Args:
            windows: All hold at once; without any, the destination alone decides.
            now: Seconds since 1970.
            jitter: A number from 0 to 1.
        """
        by_length = sorted(windows, key=lambda window: window.seconds)
        self._windows = [
            CountedWindow(one.requests, one.seconds, one.requests, one.requests) for one in by_length
        ]
        self._told = ToldWindow()
        self._now, self._jitter = now, jitter
        shortest = by_length[0].seconds if by_length else _NO_WINDOW
        longest = by_length[-1].seconds if by_length else math.inf
        self._spread = min(_WIDEST_SPREAD, _SPREAD * shortest)
        self._slack = min(_ROUNDING, longest / 2)
        self._late_answers = min(_LATE_ANSWERS, longest / 4)
        self._sent = deque[float](maxlen=by_length[0].requests if by_length else 0)
        self._in_flight = 0
        self._paused_until = self._refused_at = 0.0
        self._sent_before_pause = 0
        self._trying = False
        self._shift, self._step = 0.0, _FIRST_STEP

    def admit(self) -> float:
        """Return 0 if a request may go, and count it; else the seconds after which to ask again."""
        now = self._move()
        told = self._told.remaining if now < self._told.end else math.inf
        until = self._paused_until if told else max(self._paused_until, self._told.end)
        for window in self._windows:
            if window.used >= window.limit:
                until = max(until, window.end)
        if now < until:
            return until - now + self._jitter() * self._spread
        if self._in_flight >= told or self._narrow():
            return _SOON * (0.5 + self._jitter())
        for window in self._windows:
            window.used += 1
        self._in_flight += 1
        self._sent.append(now)
        return 0.0

    def answered(self, quota: Quota | None) -> None:
        """A request is in flight no more; `quota` is what its answer said, if there was one."""
        now = self._move()
        self._trying = self._trying and self._sent_before_pause > 0
        self._arrive()
        self._hear(quota, now)

    def refused(self, retry_after: float | None, quota: Quota | None) -> None:
        """A request was answered 429: nothing goes until the destination can be expected to take it.

        What went before that answer and is refused too is the same event, and teaches nothing more.
        """
        now = self._move()
        full = quota is not None and not quota.remaining
        wait = retry_after or (quota.reset_in if quota and full else None) or 0.0
        if not self._sent_before_pause:
            learned = self._explain(now)
            wait = wait or learned
            self._sent_before_pause, self._refused_at, self._trying = self._in_flight, now, True
        self._paused_until = max(self._paused_until, now + wait)
        self._arrive()
        self._hear(quota, now)

    def _move(self) -> float:
        now = self._now()
        for window in self._windows:
            window.at(now, self._shift, self._in_flight)
        return now

    def _arrive(self) -> None:
        self._in_flight -= 1
        self._sent_before_pause = max(0, self._sent_before_pause - 1)

    def _narrow(self) -> bool:
        """Whether one more in flight would be too many: after a 429 one is tried first, and so beyond what is safe."""
        if self._trying:
            return self._in_flight > self._sent_before_pause
        return bool(self._windows) and self._windows[0].narrow(self._in_flight)

    def _hear(self, quota: Quota | None, now: float) -> None:
        """Take what is told of the longest window."""
        if quota is None:
            return
        if self._windows and quota.limit:
            self._windows[-1].limit = min(self._windows[-1].configured, quota.limit)
        end = self._end_told(quota.reset_in, now)
        if quota.remaining is not None and end is not None:
            self._told.hear(quota.remaining, end, self._slack)

    def _end_told(self, reset_in: float | None, now: float) -> float | None:
        """When the window ends that was told of, or None where that may be one that is over."""
        told = None if reset_in is None else now + reset_in
        if reset_in == 0 or not self._windows:
            return told if reset_in else None
        longest = self._windows[-1]
        if self._late(longest, now):
            return None
        if told is None or -self._slack <= told - longest.end <= max(_ROUNDING, longest.seconds / 2):
            return longest.end
        over = told < longest.end and told - now <= _ROUNDING
        return None if over else told

    def _explain(self, now: float) -> float:
        """Learn from a 429 although there was room by our count; return the seconds until there may be room.

        Either the destination's clock differs from ours: its window ends a little later than this moment. Our last requests show it,
        where they fill a window, or where this one has taken none. Or somebody else sends: then less is safe, unless we are told.
        """
        if not self._windows:
            return _NO_WINDOW
        window = self._windows[0]
        taken = window.used - self._in_flight
        told = len(self._windows) == 1 and now < self._told.end
        ours = len(self._sent) >= window.limit and now - self._sent[-window.limit] <= _NEARLY * window.seconds
        if not taken or (ours and not told):
            recent = now - self._refused_at < 2 * window.seconds
            self._step = min(2 * self._step, _LARGEST_STEP) if recent else _FIRST_STEP
            self._shift = math.remainder(now + self._step, window.seconds)
            self._move()
        elif self._late(window, now):
            return _SOON
        elif not told:
            window.share(taken)
        return window.end - now

    def _late(self, window: CountedWindow, now: float) -> bool:
        """Whether an answer may be to a request that was counted in the window before."""
        return window.carried > 0 and now < window.begin + self._late_answers
