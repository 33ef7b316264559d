"""What an answer's headers say of the rate limit, in every dialect of them.

Source: Braze documentation, "API limits" (`X-RateLimit-Reset` is a UTC epoch) and "User track" (it is the seconds that are left, and a
429 has `X-Ratelimit-Retry-After`); `Retry-After` is RFC 9110, 10.2.3. A value that cannot be counts as not given.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache

from personalize_connectors.connectors.exchange import Quota

_EPOCH = 1e9  # larger is a moment, smaller is a number of seconds
_MOST_REQUESTS = 1e9
_LONGEST_WAIT = 86_400.0
_CLOSE = 1.5  # a date is cut to its second, and an answer is on its way for less than one


def read_quota(headers: Mapping[str, str], now: float) -> Quota | None:
    """What the destination says of its rate window, or None where it says nothing.

    Args:
        headers: Of an answer, names in lower case.
        now: Seconds since 1970; the `date` header takes its place where that shows our clock to be wrong.
    """
    limit = _number(headers.get("x-ratelimit-limit"), 1, _MOST_REQUESTS)
    remaining = _number(headers.get("x-ratelimit-remaining"), 0, _MOST_REQUESTS)
    reset = _number(headers.get("x-ratelimit-reset"), 0, float("inf"))
    if reset is not None and reset > _EPOCH:
        reset = max(0.0, reset - _clock(headers, now))
    if reset is not None and reset > _LONGEST_WAIT:
        reset = None
    if limit is None and remaining is None and reset is None:
        return None
    return Quota(None if limit is None else int(limit), None if remaining is None else int(remaining), reset)


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a 429 asks to wait; a moment in `retry-after` counts from the answer's own `date`."""
    for name in ("x-ratelimit-retry-after", "retry-after"):
        seconds = _number(headers.get(name), 0, _LONGEST_WAIT)
        if seconds is not None:
            return seconds
    moment, sent = _moment(headers.get("retry-after")), _moment(headers.get("date"))
    if moment is None or sent is None or moment - sent > _LONGEST_WAIT:
        return None
    return max(0.0, moment - sent)


def _number(text: str | None, least: float, most: float) -> float | None:
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if least <= number <= most else None


def _clock(headers: Mapping[str, str], now: float) -> float:
    """The destination's time: ours, which is finer than its date, unless it is another."""
    date = _moment(headers.get("date"))
    return now if date is None or abs(date + 0.5 - now) <= _CLOSE else date


@lru_cache(maxsize=4)
def _moment(text: str | None) -> float | None:
    """Seconds since 1970 of an HTTP date; cached, for it changes once a second."""
    if text is None:
        return None
    try:
        parsed = parsedate_to_datetime(text)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
