"""What one delivery would send: the requests that it would make, cut as it cuts them, and none of them sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from personalize_connectors.assets.decoration import Decoration
from personalize_connectors.connectors.settings import RateWindow
from personalize_connectors.delivery.dispatch import Dispatch, rendered
from personalize_connectors.delivery.outcomes import Outcome
from personalize_connectors.delivery.parcels import Parcel, cut
from personalize_connectors.delivery.receipts import SCHEMA as RECEIPTS
from personalize_connectors.delivery.recovery import left_behind
from personalize_connectors.delivery.state import (
    PENDING,
    Accepted,
    find_accepted,
    pending,
    perhaps_billed_twice,
)
from personalize_connectors.engine.frame import batches
from personalize_connectors.engine.items import Items
from personalize_connectors.plan.costs import findings, money, other_shapes
from personalize_connectors.plan.result import ConnectorPlan, RateTime, ShapeCost


def plan_delivery(
    session: duckdb.DuckDBPyConnection, what: Dispatch, decoration: Decoration, items: Items
) -> ConnectorPlan:
    """Work out a delivery of decorated rows; nothing is written where they are delivered from."""
    name, counts = what.connector.name, decoration.counts
    accepted = _accepted_at_delivery(what)
    rows = pending(session, what.bucket, what.run, what.decorated, name, accepted, delta=what.delta)
    twice, _ = perhaps_billed_twice(session, what.bucket, accepted, rows)
    sent = _Sent()
    sent.add_all(rendered(rows, decoration.documents, what, sent.refuse), what)
    chosen = ShapeCost(
        shape=what.connector.shape(what.settings),
        chosen=True,
        records=sent.records,
        refused=sent.refused,
        data_points=sent.data_points,
        money=money(what.settings, sent.data_points),
        findings=findings(decoration.what, decoration.refusals),
    )
    return ConnectorPlan(
        name=name,
        unit=what.connector.unit,
        added=counts.added,
        changed=counts.changed,
        unchanged=counts.unchanged,
        missing=counts.missing,
        removed=counts.removed,
        held=counts.held,
        requests=sent.requests,
        body_bytes=sent.body_bytes,
        perhaps_billed_twice=twice,
        data_points_saved=counts.points_saved if what.delta else 0,
        rate=rate_time(sent.requests, what.connector.limits(what.settings).windows),
        costs=(chosen, *other_shapes(decoration.what, items, batches(rows, PENDING))),
    )


def _accepted_at_delivery(what: Dispatch) -> Accepted:
    """What a delivery finds accepted, for it begins with the recovery of those that died."""
    bucket, job, name = what.bucket, what.run.job, what.connector.name
    accepted = find_accepted(bucket, job, name)
    if not accepted.in_flight:
        return accepted
    left = [delivery.receipts for delivery in left_behind(bucket, job, name)]
    return accepted.after_recovery(pa.concat_tables([RECEIPTS.empty_table(), *left]))


def rate_time(requests: int, windows: Iterable[RateWindow]) -> RateTime | None:
    """The windows that so many requests fill, of those that hold at once the ones that take longest."""
    times = [
        RateTime(
            windows=(full := -(-requests // window.requests)),
            requests=window.requests,
            window_seconds=window.seconds,
            seconds=full * window.seconds,
        )
        for window in windows
    ]
    return max(times, key=lambda time: time.seconds, default=None)


@dataclass
class _Sent:
    """Counts what would be sent."""

    records: int = 0
    refused: int = 0
    requests: int = 0
    body_bytes: int = 0
    data_points: int = 0

    def refuse(self, outcome: Outcome) -> None:
        self.refused += len(outcome.parcel)

    def add_all(self, parcels: Iterable[Parcel], what: Dispatch) -> None:
        limits, envelope = what.connector.limits(what.settings), what.connector.envelope
        most_bytes = limits.body_bytes - len(envelope.before) - len(envelope.after)
        for parcel in parcels:
            self.records += len(parcel)
            self.data_points += int(parcel.users["points"].to_numpy().sum())
            for request in cut(parcel, limits.records, most_bytes):
                self.requests += 1
                self.body_bytes += request.size(envelope)
