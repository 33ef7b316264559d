"""How the records of a request ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from personalize_connectors.delivery.parcels import Parcel

NEVER_ANSWERED = "sent, and never answered"
PERHAPS_APPLIED = "rejected, and perhaps applied all the same"


@dataclass(frozen=True)
class Outcome:
    """How the records of one request ended: one status for all but those that were rejected by name.

    Attributes:
        parcel: The records.
        status: `accepted`, `rejected`, or `unknown` (sent, and never answered).
        text: The destination's own words.
        rejected: Places that were rejected, each with its words.
        request: The request's name; empty where nothing was sent.
        attempt: Which try was answered; 0 where nothing was sent.
        at: When it was answered.
        sent_again: How often the records were sent although a try before may have been applied.
    """

    parcel: Parcel
    status: str
    text: str
    rejected: Mapping[int, str]
    request: str
    attempt: int
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    sent_again: int = 0


def with_doubt(outcome: Outcome) -> list[Outcome]:
    """An outcome of records that may have been applied by an earlier try: what is rejected of them is unknown as well."""
    everyone = set(range(len(outcome.parcel)))
    rejected = everyone if outcome.status == "rejected" else set(outcome.rejected)
    if not rejected:
        return [outcome]
    parcel = outcome.parcel.only(rejected)
    doubt = Outcome(parcel, "unknown", PERHAPS_APPLIED, {}, outcome.request, outcome.attempt, outcome.at)
    return [doubt, outcome]
