"""Fixed rate windows, aligned to the clock, and the headers that tell of them (braze.md 1.7 and 1.8)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from personalize_connectors.emulators.braze.answers import Answer, Headers, message
from personalize_connectors.emulators.braze.presets import RateGroup, RateWindow
from personalize_connectors.emulators.braze.settings import BrazeEmulatorSettings, HeaderDialect, On429

Clock = Callable[[], float]
"""Seconds since 1970, as `time.time` has them."""

ON_429: dict[HeaderDialect, On429] = {
    "seconds_left": "x-ratelimit-retry-after",  # documented, 1.8: it alone, the other three are absent
    "epoch": "limit_headers",  # assumed: the page does not say (1.8)
    "none": "nothing",  # assumed
}
"""The headers of a 429 in each dialect."""

RETRY_HEADERS: dict[On429, str] = {
    "x-ratelimit-retry-after": "X-Ratelimit-Retry-After",  # documented, 1.8
    "retry-after": "Retry-After",  # recorded by others, 1.8
}


@dataclass(slots=True)
class _Counted:
    """The calls in the window that is open now."""

    limit: int
    seconds: int
    index: int = -1
    used: int = 0

    def at(self, now: float) -> None:
        """Move to the window of this moment; windows begin at multiples of their length (documented, 1.7)."""
        index = int(now // self.seconds)
        if index != self.index:
            self.index, self.used = index, 0

    def end(self) -> int:
        return (self.index + 1) * self.seconds


class RateLimiter:
    """The windows of one group of endpoints, for the whole company (documented, 1.7)."""

    def __init__(
        self, windows: tuple[RateWindow, ...], dialect: HeaderDialect, on_429: On429 | None, clock: Clock
    ) -> None:
        self._windows = sorted(
            (_Counted(window.limit, window.seconds) for window in windows), key=lambda window: window.seconds
        )
        self._dialect = dialect
        self._on_429 = on_429 or ON_429[dialect]
        self._clock = clock

    def admit(self) -> tuple[Answer | None, Headers]:
        """Count a call: the headers for its answer, or the 429 in its place, which is not counted (assumed)."""
        if not self._windows:
            return None, ()
        now = self._clock()
        for window in self._windows:
            window.at(now)
        if any(window.used >= window.limit for window in self._windows):
            return self.refusal(), ()
        for window in self._windows:
            window.used += 1
        return None, self._limit_headers(now)

    def refusal(self) -> Answer:
        """A 429: its body is not known (assumed, 1.10); it asks to wait for the last of the full windows."""
        now = self._clock()
        for window in self._windows:
            window.at(now)
        headers: Headers = ()
        if self._on_429 == "limit_headers":
            headers = self._limit_headers(now)
        elif self._on_429 != "nothing":
            headers = ((RETRY_HEADERS[self._on_429], str(self._wait(now))),)
        return message(429, "Rate limit exceeded", headers)

    def _wait(self, now: float) -> int:
        ends = [window.end() for window in self._windows if window.used >= window.limit]
        return max(1, math.ceil(max(ends, default=now) - now))

    def _limit_headers(self, now: float) -> Headers:
        """Those of the longest window: the hourly one (documented, 1.8); of a 3-second window alone, assumed."""
        if self._dialect == "none" or not self._windows:
            return ()
        window = self._windows[-1]
        reset = window.end() if self._dialect == "epoch" else math.ceil(window.end() - now)
        return (
            ("X-RateLimit-Limit", str(window.limit)),
            ("X-RateLimit-Remaining", str(window.limit - window.used)),
            ("X-RateLimit-Reset", str(reset)),
        )


def limiters(
    settings: BrazeEmulatorSettings, groups: tuple[RateGroup, ...], clock: Clock
) -> dict[RateGroup, RateLimiter]:
    """A limiter for each group of endpoints."""
    return {
        group: RateLimiter(
            settings.rate_limits.get(group, ()), settings.header_dialect, settings.on_429, clock
        )
        for group in groups
    }
