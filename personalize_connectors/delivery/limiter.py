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

_SOON = 0.02  # seconds after which an answer may have made room
_NO_WINDOW = 1.0  # seconds to wait after a 429 that nothing explains
_SPREAD, _WIDEST_SPREAD = (
    0.02,
    0.5,
)  # of a window, and in seconds: who waited for its end wakes so much later at most
_FIRST_STEP, _LARGEST_STEP = (
    0.02,
    0.5,
)  # seconds from a 429 to where the destination's window is thought to end
_A_LITTLE = 1.0  # seconds to wait, as a header in whole seconds has them
_NEARLY = 1.05


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
        self._spread = min(_WIDEST_SPREAD, _SPREAD * shortest)
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
            expected = self._explain(now, asked=wait)
            wait = wait or expected
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
        """Take what is told, which is of the longest window."""
        if quota is None:
            return
        end, seconds = now + quota.reset_in if quota.reset_in else None, math.inf
        if self._windows:
            longest = self._windows[-1]
            longest.limit = min(longest.configured, quota.limit or longest.limit)
            end, seconds = longest.end_told(quota.reset_in, now), longest.seconds
        if quota.remaining is not None and end is not None:
            self._told.hear(quota.remaining, end, seconds)

    def _explain(self, now: float, asked: float) -> float:
        """Learn from a 429 although there was room by our count; return the seconds until there may be room.

        Either the destination's clock differs from ours, and its window ends a little later than this moment: our own requests show
        it, where the last of them fill a window, or where this one has taken none. It asks to wait no longer then. Or somebody else
        sends: then less is safe, unless we are told what is left.
        """
        if not self._windows:
            return _NO_WINDOW
        window = self._windows[0]
        taken = window.used - self._in_flight
        told = len(self._windows) == 1 and now < self._told.end
        ours = len(self._sent) >= window.limit and now - self._sent[-window.limit] <= _NEARLY * window.seconds
        if not taken or (ours and not told):
            if asked <= _A_LITTLE:
                self._shift_windows(now, window.seconds)
        elif window.may_be_late(now):
            return _SOON
        elif not told:
            window.share(taken)
        return window.end - now

    def _shift_windows(self, now: float, seconds: int) -> None:
        """Let a window end a step from now; twice the last step where that was not enough."""
        again = now - self._refused_at < 2 * seconds
        self._step = min(2 * self._step, _LARGEST_STEP) if again else _FIRST_STEP
        self._shift = math.remainder(now + self._step, seconds)
        self._move()
