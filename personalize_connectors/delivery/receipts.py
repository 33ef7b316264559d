"""Receipts: what the destination said about each record, written while the delivery runs.

They are the truth; the state is their compaction. Each file is whole by itself, so a delivery that dies leaves what it
had written. The requests of a delivery are only noted when they are answered; a thread of its own makes rows of them.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from personalize_connectors.delivery.dead_letters import dead_letters
from personalize_connectors.delivery.outcomes import Outcome
from personalize_connectors.delivery.report import DeliveryReport
from personalize_connectors.storage import Storage
from personalize_connectors.storage_errors import STORAGE_ERRORS

SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("fingerprint", pa.binary()),
        ("status", pa.string()),
        ("text", pa.string()),
        ("request", pa.string()),
        ("attempt", pa.int32()),
        ("answered_at", pa.timestamp("us", tz="UTC")),
        ("delivery", pa.string()),
        ("points", pa.int64()),
        ("sent_again", pa.int32()),
    ]
)

# A dictionary of values that are each there once costs more than all the rest of a file.
_REPEATED = ["status", "text", "request", "attempt", "answered_at", "delivery", "points", "sent_again"]
_FLUSH_SECONDS = 2.0


def receipts_table(outcomes: Sequence[Outcome], delivery: str) -> pa.Table:
    """One row for each record, in the columns of `SCHEMA`."""
    sizes = np.array([len(outcome.parcel) for outcome in outcomes])
    starts = np.cumsum(sizes) - sizes
    codes = np.repeat(np.arange(len(outcomes)), sizes)
    statuses = [outcome.status for outcome in outcomes]
    texts = [outcome.text for outcome in outcomes]
    said = codes.copy()
    for start, outcome in zip(starts.tolist(), outcomes, strict=True):
        for place, text in outcome.rejected.items():
            said[start + place] = len(texts)
            statuses.append("rejected")
            texts.append(text)
    users = pa.Table.from_batches([outcome.parcel.users for outcome in outcomes])
    columns = [
        users["user_id"],
        users["fingerprint"],
        pa.array(statuses).take(pa.array(said)),
        pa.array(texts).take(pa.array(said)),
        pa.array([outcome.request for outcome in outcomes]).take(pa.array(codes)),
        pa.array([outcome.attempt for outcome in outcomes], pa.int32()).take(pa.array(codes)),
        pa.array([outcome.at for outcome in outcomes], SCHEMA.field("answered_at").type).take(
            pa.array(codes)
        ),
        pa.repeat(pa.scalar(delivery), len(codes)),
        users["points"],
        pa.array([outcome.sent_again for outcome in outcomes], pa.int32()).take(pa.array(codes)),
    ]
    return pa.table(columns, schema=SCHEMA)


def receipts_file(folder: str, delivery: str) -> str:
    """A new name for receipts."""
    return f"{folder}/{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{delivery}-{uuid.uuid4().hex[:8]}.parquet"


def write_receipts(storage: Storage, path: str, receipts: pa.Table) -> None:
    """Write one file of receipts."""
    sink = pa.BufferOutputStream()
    pq.write_table(receipts, sink, compression="zstd", use_dictionary=_REPEATED)
    storage.write(path, sink.getvalue().to_pybytes())


@dataclass(frozen=True)
class Places:
    """The folders of one run that a delivery writes to."""

    receipts: str
    dead_letters: str


class ReceiptWriter:
    """Writes the outcomes of a delivery every two seconds while any arrive, and counts them in its report."""

    def __init__(self, storage: Storage, places: Places, delivery: str, report: DeliveryReport) -> None:
        self._storage, self._places, self._delivery, self._report = storage, places, delivery, report
        self._lock = threading.Lock()
        self._outcomes: list[Outcome] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="receipts", daemon=True)
        self.failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is left; a storage that fails then raises."""
        self._done.set()
        self._thread.join()
        self._flush()

    def add(self, outcome: Outcome) -> None:
        """Take an outcome; from any thread."""
        self._outcomes.append(outcome)

    def _keep(self) -> None:
        while not self._done.wait(_FLUSH_SECONDS):
            try:
                self._flush()
            except STORAGE_ERRORS as failure:
                self.failure = failure
            else:
                self.failure = None

    def _flush(self) -> None:
        with self._lock:
            outcomes = self._outcomes[:]
            if not outcomes:
                return
            table = receipts_table(outcomes, self._delivery)
            letters = dead_letters(outcomes)
            path = receipts_file(self._places.receipts, self._delivery)
            write_receipts(self._storage, path, table)
            if letters:
                name = path.rpartition("/")[2].replace(".parquet", ".json")
                self._storage.write(f"{self._places.dead_letters}/{name}", letters)
            del self._outcomes[: len(outcomes)]
            self._count(table)

    def _count(self, table: pa.Table) -> None:
        accepted = pc.equal(table["status"], "accepted")
        self._report.accepted += pc.sum(accepted).as_py() or 0
        self._report.data_points += pc.sum(table["points"].filter(accepted)).as_py() or 0
        self._report.billed_twice += pc.sum(table["sent_again"]).as_py() or 0
        again = pc.multiply(table["points"], table["sent_again"])
        self._report.billed_twice_points += pc.sum(again).as_py() or 0
        self._report.unknown += pc.sum(pc.equal(table["status"], "unknown")).as_py() or 0
        words = table["text"].filter(pc.equal(table["status"], "rejected"))
        for entry in pc.value_counts(words).to_pylist():
            self._report.rejected[entry["values"]] = (
                self._report.rejected.get(entry["values"], 0) + entry["counts"]
            )
