"""What a plan says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from personalize_connectors.connectors.settings import Action


@dataclass(frozen=True)
class Finding:
    """What the destination would drop or refuse, and what becomes of it.

    Attributes:
        rule: The connector's rule.
        field: The field that breaks it; empty where the record does as a whole.
        action: `drop_field`, `drop_record` or `stop`.
        found: By how many items, or records.
        text: The rule in words.
    """

    rule: str
    field: str
    action: Action
    found: int
    text: str


@dataclass(frozen=True)
class ShapeCost:
    """What the records of a run are billed in one shape.

    Attributes:
        shape: Its name; empty where the connector has but one.
        chosen: Whether it is the job's.
        records: That are sent.
        refused: That are not, because they break a rule.
        data_points: For those that are sent.
        money: For the data points, where the job says what one costs.
        findings: What breaks a rule.
    """

    shape: str
    chosen: bool
    records: int
    refused: int
    data_points: int
    money: float | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class RateTime:
    """How long the rate limit alone makes a delivery: whole windows, of those that hold the one that takes longest.

    Attributes:
        windows: Windows that the requests fill.
        requests: That one window holds.
        window_seconds: How long one is.
        seconds: All of them.
    """

    windows: int
    requests: int
    window_seconds: int
    seconds: int


@dataclass(frozen=True)
class ConnectorPlan:
    """What a run would do to one destination.

    Attributes:
        name: The connector's.
        unit: What a record is about: `user` or `item`.
        added: Records that were not accepted before.
        changed: Accepted before as something else, or sent without an answer.
        unchanged: Accepted as they are.
        missing: Accepted before, and gone.
        removed: Those of them that are removed.
        held: Dead letters of this run, which are not sent again.
        requests: To send the records; what makes a catalog ready is not in it.
        body_bytes: Of their bodies.
        perhaps_billed_twice: Records that were sent before and never answered.
        data_points_saved: What sending the unchanged ones again would be billed; 0 where they are sent.
        rate: None where no window is known.
        costs: The chosen shape, then the others, for the same records.
    """

    name: str
    unit: Literal["user", "item"]
    added: int
    changed: int
    unchanged: int
    missing: int
    removed: int
    held: int
    requests: int
    body_bytes: int
    perhaps_billed_twice: int
    data_points_saved: int
    rate: RateTime | None
    costs: tuple[ShapeCost, ...]


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
        run: The partition key.
        source: The batch output that it reads.
        lines: Lines of that.
        error_lines: Those that carry no recommendation, by reason.
        users: Users with a recommendation.
        users_in_previous_run: None where there was none.
        connectors: What is delivered, in the order of delivery; nothing, where something stops the run.
        stops: What stops the run before anything is delivered, in words.
        warnings: What does not.
    """

    run: str
    source: str
    lines: int
    error_lines: dict[str, int]
    users: int
    users_in_previous_run: int | None
    connectors: tuple[ConnectorPlan, ...]
    stops: tuple[str, ...]
    warnings: tuple[str, ...]
