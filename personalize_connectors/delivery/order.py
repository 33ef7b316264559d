"""A delivery to be made: where it goes, how patiently, and where its traces go."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from personalize_connectors.connectors.exchange import Destination, Limits
from personalize_connectors.connectors.protocol import Connector
from personalize_connectors.delivery.client import Connect, Timeouts, open_client
from personalize_connectors.delivery.parcels import Parcel
from personalize_connectors.delivery.receipts import ReceiptWriter
from personalize_connectors.delivery.report import DeliveryReport
from personalize_connectors.delivery.write_ahead import WriteAhead


@dataclass(frozen=True)
class Pace:
    """How patiently and how widely to send.

    Attributes:
        in_flight: Requests at a time.
        first_wait: Seconds before the second try; doubles from there, with full jitter.
        longest_wait: Seconds that no such wait exceeds.
        budget: Seconds after which a request that is not answered as it should is given up.
        patience: Seconds without an accepted record, but for waits that the rate asks for, after which the run stops.
        last_answers: Seconds that a run which stops waits for the answers to what it sent.
        timeouts: Of one request.
    """

    in_flight: int = 32
    first_wait: float = 0.5
    longest_wait: float = 30.0
    budget: float = 180.0
    patience: float = 120.0
    last_answers: float = 5.0
    timeouts: Timeouts = field(default_factory=Timeouts)

    def backoff(self, tried: int, asked: float | None) -> float:
        """Seconds to wait after so many tries: full jitter, and not less than the destination asks for."""
        most = min(self.longest_wait, self.first_wait * 2.0 ** (tried - 1))
        return max(asked or 0.0, most * random.random())  # noqa: S311 - jitter


@dataclass(frozen=True)
class Order:
    """Where a delivery goes, and where its traces go.

    Attributes:
        connector: The destination's type.
        destination: Its address.
        limits: What a request may hold, and the rate.
        receipts: Takes the outcomes.
        ahead: Takes what is about to be sent.
        report: Counts.
        pace: How patiently and how widely to send.
        may_send: Whether the lease is still held.
        say: Tells an operator something.
        connect: Opens a client.
        renew: Reads address and key again, after the destination refused them.
    """

    connector: Connector
    destination: Destination
    limits: Limits
    receipts: ReceiptWriter
    ahead: WriteAhead
    report: DeliveryReport
    pace: Pace = Pace()
    may_send: Callable[[], bool] = lambda: True
    say: Callable[[str], None] = lambda _: None
    connect: Connect = open_client
    renew: Callable[[], Destination] | None = None


@dataclass
class Tries:
    """The tries of one request.

    Attributes:
        parcel: Its records.
        started: When they began, on the monotonic clock.
        number: How many there were.
        doubtful: Whether one of them may have been applied without our knowing.
        sent_again: How often it was sent although one before may have been applied: it may be billed so often more.
    """

    parcel: Parcel
    started: float
    number: int = 0
    doubtful: bool = False
    sent_again: int = 0
