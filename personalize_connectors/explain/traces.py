"""What deliveries leave of one id, and what is known last by it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

REMOVED = ""


@dataclass(frozen=True)
class Change:
    """A row of a run's delta.

    Attributes:
        run: The run's timestamp, as in its key.
        compared_at: When the delta was written.
        change: `added`, `changed`, `removed`, or `unchanged` where all are sent.
        fingerprint: Hexadecimal, as everywhere here; empty for a removal.
        items: Item ids in rank order.
        refused: The rule for which it is not sent.
    """

    run: str
    compared_at: datetime
    change: str
    fingerprint: str
    items: tuple[str, ...]
    refused: str | None


@dataclass(frozen=True)
class Receipt:
    """What the destination said once; `attempt` is 0 where nothing was sent."""

    run: str
    status: str
    text: str
    fingerprint: str
    request: str
    attempt: int
    at: datetime


@dataclass(frozen=True)
class DeadLetter:
    """A record that is not sent again by itself."""

    run: str
    reason: str
    fingerprint: str
    request: str
    attempt: int
    at: datetime
    payload: Any


@dataclass(frozen=True)
class InFlight:
    """A record that a delivery was about to send, without a receipt until now."""

    run: str
    fingerprint: str
    request: str
    at: datetime


@dataclass(frozen=True)
class LastWord:
    """The fingerprint accepted last: empty for a removal, None where the destination never answered."""

    fingerprint: str | None
    at: datetime


@dataclass(frozen=True)
class History:
    """A connector's traces of one id over all runs, each kind oldest first; `snapshot` is the newest state's row."""

    changes: tuple[Change, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()
    in_flight: tuple[InFlight, ...] = ()
    snapshot: LastWord | None = None

    def last_word(self, before: datetime | None = None) -> LastWord | None:
        """What is known last, or was before a time; by the rule of `delivery.state`."""
        words = [self.snapshot] if self.snapshot else []
        words += [
            LastWord(receipt.fingerprint if receipt.status == "accepted" else None, receipt.at)
            for receipt in self.receipts
            if receipt.status in ("accepted", "unknown")
        ]
        words += [LastWord(None, planned.at) for planned in self.in_flight]
        known = [word for word in words if before is None or word.at < before]
        return max(known, key=lambda word: word.at, default=None)

    def change_in(self, run: str) -> Change | None:
        """The row of one run's delta."""
        return next((change for change in self.changes if change.run == run), None)
