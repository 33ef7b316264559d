"""One delivery from the decorated records to the receipts, while nobody else delivers the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_connectors import layout
from personalize_connectors.connectors.exchange import Destination
from personalize_connectors.connectors.protocol import Connector
from personalize_connectors.connectors.settings import ConnectorSettings
from personalize_connectors.credentials import find_destination
from personalize_connectors.delivery.client import Connect, open_client
from personalize_connectors.delivery.lease import lease
from personalize_connectors.delivery.order import Order, Pace
from personalize_connectors.delivery.outcomes import Outcome
from personalize_connectors.delivery.parcels import Parcel
from personalize_connectors.delivery.receipts import Places, ReceiptWriter
from personalize_connectors.delivery.recovery import Recovered, recover
from personalize_connectors.delivery.report import DeliveryReport
from personalize_connectors.delivery.sender import deliver
from personalize_connectors.delivery.state import (
    PENDING,
    find_accepted,
    pending,
    perhaps_billed_twice,
    refuse_older,
)
from personalize_connectors.delivery.write_ahead import WriteAhead
from personalize_connectors.engine.frame import batches
from personalize_connectors.engine.gather import lengths, row_slices
from personalize_connectors.engine.ids import places
from personalize_connectors.engine.item_documents import column
from personalize_connectors.errors import ConnectorsError, DeliveryRefused
from personalize_connectors.folders import Folder
from personalize_connectors.job_run import JobRun
from personalize_connectors.storage import Storage

_SENT = ["user_id", "fingerprint", "points"]
_BYTES_PER_PARCEL = 64 << 20


@dataclass(frozen=True)
class Dispatch:
    """What is delivered, and under which terms.

    Attributes:
        bucket: Where receipts and all go.
        run: The job run.
        connector: The destination's type.
        settings: Its block of config.json.
        decorated: The folder with the records.
        documents: Name of its frame of item documents.
        longest: The longest list a user gets.
        delta: Whether only what changed is sent.
        allow_older: Deliver though a newer run was delivered already.
        pace: How patiently to send; as widely as the settings say.
        connect: Opens a client of the destination.
    """

    bucket: Storage
    run: JobRun
    connector: Connector
    settings: ConnectorSettings
    decorated: Folder
    documents: str
    longest: int
    delta: bool
    allow_older: bool = False
    pace: Pace = field(default_factory=Pace)
    connect: Connect = open_client


@dataclass(frozen=True)
class Watch:
    """Who hears what: a line for each meaningful step, and how many records of how many have an outcome."""

    say: Callable[[str], None]
    progress: Callable[[int, int], None]


def dispatch(
    session: duckdb.DuckDBPyConnection, what: Dispatch, environment: Mapping[str, str], watch: Watch
) -> tuple[DeliveryReport, Recovered]:
    """Send what is still to be sent.

    Raises:
        DeliveryBusy: another run of the same job and connector delivers, or took over.
        OlderRun: a newer run was delivered already.
        DeliveryRefused: the destination takes nothing from us.
        DestinationUnavailable: it did not answer as it should for too long.
    """
    name = what.connector.name
    find = partial(find_destination, what.connector, environment)
    destination = find()
    with lease(what.bucket, layout.lease(what.run.job, name), what.run.key) as held:
        recovered = _recover(what, watch)
        accepted = find_accepted(what.bucket, what.run.job, name)
        if not what.allow_older:
            refuse_older(what.run, accepted, name)
        rows = pending(session, what.bucket, what.run, what.decorated, name, accepted, delta=what.delta)
        total = int(rows.count("*").fetchall()[0][0])
        watch.say(f"{name}: {total:,} records to send to {destination.url}")
        report = DeliveryReport()
        twice = perhaps_billed_twice(session, what.bucket, accepted, rows)
        report.billed_twice, report.billed_twice_points = twice
        if total:
            _send(rows, total, what, find, report, held, watch)
    return report, recovered


def _recover(what: Dispatch, watch: Watch) -> Recovered:
    recovered = recover(what.bucket, what.run.job, what.connector.name)
    if recovered != Recovered():
        watch.say(
            f"{what.connector.name}: an earlier delivery was killed; of what it had in flight {recovered.accepted:,} records "
            f"were accepted, {recovered.rejected:,} rejected, {recovered.unknown:,} never answered"
        )
    return recovered


def _send(
    rows: duckdb.DuckDBPyRelation,
    total: int,
    what: Dispatch,
    find: Callable[[], Destination],
    report: DeliveryReport,
    held: Callable[[], bool],
    watch: Watch,
) -> None:
    documents = what.decorated.scan(what.documents).to_table()
    written = int(rows.filter("change <> 'removed'").count("*").fetchall()[0][0])
    destination = _prepared(what, find, documents, whole=written >= len(documents))
    receipts_folder, letters_folder, in_flight = (
        layout.delivered_run(what.run, what.connector.name, kind)
        for kind in ("receipts", "dead_letters", "in_flight")
    )
    places = Places(receipts_folder, letters_folder)
    with (
        WriteAhead(what.bucket, in_flight) as ahead,
        ReceiptWriter(what.bucket, places, ahead.delivery, report) as receipts,
    ):
        order = Order(
            connector=what.connector,
            destination=destination,
            limits=what.connector.limits(what.settings),
            receipts=receipts,
            ahead=ahead,
            report=report,
            pace=replace(what.pace, in_flight=what.settings.concurrentRequests),
            may_send=held,
            say=watch.say,
            connect=what.connect,
            renew=find,
        )
        parcels = rendered(rows, documents, what, receipts.add)
        deliver(order, parcels, lambda done: watch.progress(done, total))


def _prepared(
    what: Dispatch, find: Callable[[], Destination], documents: pa.Table, *, whole: bool
) -> Destination:
    """Make ready what must be there before the first request; where the key is refused, with the one that there is by then."""
    destination = find()
    try:
        _prepare(what, destination, documents, whole=whole)
    except DeliveryRefused:
        if (renewed := find()) == destination:
            raise
        _prepare(what, renewed, documents, whole=whole)
        return renewed
    return destination


def _prepare(what: Dispatch, destination: Destination, documents: pa.Table, *, whole: bool) -> None:
    """What is raised says nothing of what the destination's words repeat of our key."""
    try:
        what.connector.prepare(what.settings, destination, documents, whole)
    except ConnectorsError as error:
        raise type(error)(destination.masked(str(error))) from None


def rendered(
    rows: duckdb.DuckDBPyRelation, documents: pa.Table, what: Dispatch, refuse: Callable[[Outcome], None]
) -> Iterator[Parcel]:
    """The pending rows as parcels of a bounded number of bytes, removals last; `refuse` hears at once of those that are not sent."""
    render = what.connector.renderer(what.settings, documents, what.longest)
    for removal in (False, True):
        call = what.connector.call(what.settings, removal)
        wanted = rows.filter(f"(change = 'removed') = {removal}")
        for batch in _slices(batches(wanted, PENDING), documents):
            parcel = Parcel(batch.select(_SENT), render(batch), call)
            refused = batch["refused"]
            if refused.null_count < len(refused):
                places = {place for place, reason in enumerate(refused.to_pylist()) if reason is not None}
                reasons = dict(enumerate(refused.drop_null().to_pylist()))
                refuse(Outcome(parcel.only(places), "rejected", "", reasons, "", 0))
                parcel = parcel.without(places)
            if len(parcel):
                yield parcel


def _slices(rows: Iterator[pa.RecordBatch], documents: pa.Table) -> Iterator[pa.RecordBatch]:
    """Rows in slices of a bounded number of bytes once they are rendered."""
    known = column(documents, "item_id")
    sizes = pc.binary_length(documents["payload"]).to_numpy().astype(np.int64)
    for batch in rows:
        codes = places(batch["items"], known)
        bounds = np.concatenate([[0], np.cumsum(lengths(batch["items"]))])
        weights = np.diff(np.concatenate([[0], np.cumsum(sizes[codes])])[bounds])
        for start, end in row_slices(weights, _BYTES_PER_PARCEL):
            yield batch.slice(start, end - start)
