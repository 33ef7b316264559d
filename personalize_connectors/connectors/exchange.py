"""What goes to a destination and what comes back: requests, limits, answers, and what an answer means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from personalize_connectors.connectors.settings import ConnectorSettings, RateWindow

_SUCCESS = range(200, 300)
_PLAIN_HEADERS = ("content-type", "accept", "user-agent")
_SHORTEST_SECRET = 8


@dataclass(frozen=True)
class Destination:
    """Where requests go.

    Attributes:
        url: The address.
        headers: They hold secrets and never show.
        origins: Variables whose values came from elsewhere, and from where.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    origins: Mapping[str, str] = field(default_factory=dict)

    def masked(self, text: str) -> str:
        """A text about the destination without what it repeats of our secrets, and with the origins of what it says to check."""
        text = by_origin(text, self.origins)
        secrets = [value for name, value in self.headers.items() if name.lower() not in _PLAIN_HEADERS]
        for word in (word for value in secrets for word in value.split() if len(word) >= _SHORTEST_SECRET):
            text = text.replace(word, "***")
        return text


def by_origin(text: str, origins: Mapping[str, str]) -> str:
    """A text that says where a value came from instead of the variable that would hold it."""
    if not origins:
        return text
    variables = "|".join(map(re.escape, origins))
    return re.sub(rf"\b(?:{variables})\b", lambda found: origins[found[0]], text)


@dataclass(frozen=True)
class Call:
    """How a request is made: its method, and its path below the destination's address."""

    method: str
    path: str


@dataclass(frozen=True)
class Envelope:
    """What stands around the fragments in a request's body."""

    before: bytes
    separator: bytes
    after: bytes


@dataclass(frozen=True)
class Limits:
    """What one request may hold, and how many go in a window; all windows hold at once."""

    records: int
    body_bytes: int
    windows: tuple[RateWindow, ...] = ()

    def or_as_set(self, settings: ConnectorSettings) -> Limits:
        """These, but for what a job's block says itself (`recordsPerRequest`, `rateLimit`)."""
        windows = self.windows if settings.rateLimit is None else tuple(settings.rateLimit)
        return Limits(settings.recordsPerRequest or self.records, self.body_bytes, windows)


@dataclass(frozen=True)
class Answer:
    """What the destination answered to one request; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def success(self) -> bool:
        """Whether the status says so."""
        return self.status in _SUCCESS


@dataclass(frozen=True)
class Quota:
    """What the destination says of its rate window.

    Attributes:
        limit: Requests that the window holds.
        remaining: Those of them that are left.
        reset_in: Seconds until the window ends.
    """

    limit: int | None = None
    remaining: int | None = None
    reset_in: float | None = None


@dataclass(frozen=True)
class Verdict:
    """What an answer means.

    Attributes:
        outcome: `accepted` (but for the records in `rejected`), `rejected` (all), `split` (too much in one request: send
            again in halves), `again` (nothing was taken, because of the records in `rejected`: send again without them),
            `retry` (send again later), `stop` (nothing can be delivered until somebody acts).
        text: The destination's own words, or what to check.
        rejected: Places in the request that were rejected, with the destination's words.
        uncertain: The request may have been applied, in whole or in part, though it was not accepted. A success that is
            taken for `rejected`, `retry` or `stop` counts as uncertain in any case.
        throttled: With `retry`: the request was over the rate limit.
        too_large: With `split`: the bytes were too many, not the records.
        retry_after: Seconds that the destination asks to wait.
        quota: What it says of its rate window.
    """

    outcome: Literal["accepted", "rejected", "split", "again", "retry", "stop"]
    text: str = ""
    rejected: Mapping[int, str] = field(default_factory=dict)
    uncertain: bool = False
    throttled: bool = False
    too_large: bool = False
    retry_after: float | None = None
    quota: Quota | None = None
