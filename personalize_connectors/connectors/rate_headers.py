"""Stand-in until the branch `limiter` has it."""

from __future__ import annotations

from collections.abc import Mapping

from personalize_connectors.connectors.exchange import Quota


def read_quota(headers: Mapping[str, str], now: float) -> Quota | None:
    """Nothing yet."""
    return None


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds."""
    for name in ("x-ratelimit-retry-after", "retry-after"):
        try:
            return max(0.0, float(headers[name]))
        except (KeyError, ValueError):
            continue
    return None
