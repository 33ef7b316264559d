"""What a delivery did, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class DeliveryReport:
    """What a delivery did.

    Attributes:
        requests: All that were sent, tries included.
        retries: Tries after the first.
        throttled: Requests that were answered that they are over the rate limit.
        accepted: Records that the destination accepted.
        rejected: Rejected records by the destination's words, or by the rule that refused them here.
        unknown: Records that were sent and never answered; they are sent again with the next run.
        billed_twice: How often records may have been billed once more, for they were sent again without an answer to the time
            before; also by deliveries since the last state that died.
        billed_twice_points: The data points of that.
        body_bytes: Bytes of request bodies.
        data_points: What the destination bills for the accepted records, as the connector counts it.
        waited: Seconds in which nothing was sent because of the rate limit.
    """

    requests: int = 0
    retries: int = 0
    throttled: int = 0
    accepted: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    unknown: int = 0
    billed_twice: int = 0
    billed_twice_points: int = 0
    body_bytes: int = 0
    data_points: int = 0
    waited: float = 0.0

    @property
    def rejected_records(self) -> int:
        """All rejected records."""
        return sum(self.rejected.values())
