"""After a kill: what was in flight becomes receipts, so that nothing that was accepted is sent twice for lack of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from personalize_connectors import layout
from personalize_connectors.delivery.dead_letters import letters_without_payload
from personalize_connectors.delivery.outcomes import NEVER_ANSWERED, PERHAPS_APPLIED
from personalize_connectors.delivery.receipts import SCHEMA, receipts_file, write_receipts
from personalize_connectors.delivery.write_ahead import JOURNAL, NOT_APPLIED, PLAN, SENT, boot
from personalize_connectors.job_run import Job
from personalize_connectors.storage import Storage

Ints = np.ndarray
_UNSENT = "unsent"
_STATUSES = ("accepted", "rejected", "unknown", _UNSENT)
_KILLED = f"{NEVER_ANSWERED}: the delivery was killed"


@dataclass(frozen=True)
class Recovered:
    """What deliveries that died left: records by what is known of them now."""

    accepted: int = 0
    rejected: int = 0
    unknown: int = 0


@dataclass(frozen=True)
class Left:
    """What one delivery left that died.

    Attributes:
        folder: Where.
        delivery: Its name.
        paths: Its plans and its journal.
        receipts: What they come to: receipts that it could not write.
    """

    folder: str
    delivery: str
    paths: list[str]
    receipts: pa.Table


def recover(bucket: Storage, job: Job, connector: str) -> Recovered:
    """Write the receipts that deliveries of a job's connector could not write before they died; under the lease."""
    counts = dict.fromkeys(_STATUSES, 0)
    for left in left_behind(bucket, job, connector):
        if len(left.receipts):
            path = receipts_file(_receipts_folder(left.folder), left.delivery)
            write_receipts(bucket, path, left.receipts)
            if letters := letters_without_payload(left.receipts):
                name = path.rpartition("/")[2].replace(".parquet", ".json")
                bucket.write(f"{left.folder.replace('/in_flight/', '/dead_letters/')}/{name}", letters)
        for entry in pc.value_counts(left.receipts["status"]).to_pylist():
            counts[entry["values"]] += entry["counts"]
        for path in sorted(left.paths, key=lambda path: path.endswith(JOURNAL)):
            bucket.remove(path)
    return Recovered(counts["accepted"], counts["rejected"], counts["unknown"])


def left_behind(bucket: Storage, job: Job, connector: str) -> Iterator[Left]:
    """What deliveries of a job's connector left that died, or that go on right now; writes nothing."""
    deliveries: dict[tuple[str, str], list[str]] = defaultdict(list)
    for found in bucket.objects(layout.delivered(job, connector, "in_flight")):
        folder, _, name = found.path.rpartition("/")
        deliveries[folder, name.removesuffix(JOURNAL).partition("-")[0]].append(found.path)
    for (folder, delivery), paths in deliveries.items():
        receipts = _receipts(bucket, _receipts_folder(folder), delivery, paths)
        yield Left(folder, delivery, paths, receipts)


def _receipts_folder(in_flight: str) -> str:
    return in_flight.replace("/in_flight/", "/receipts/")


def _receipts(bucket: Storage, receipts: str, delivery: str, paths: list[str]) -> pa.Table:
    """The receipts of all users of the plans who have none yet, but for those who were not sent."""
    journal = _Journal()
    plans = [path for path in paths if path.endswith(".parquet")]
    for path in paths:
        if path.endswith(JOURNAL):
            journal = _read_journal(bucket.read(path))
    plan = bucket.dataset(plans, PLAN).to_table() if plans else PLAN.empty_table()
    known = [
        found.path
        for found in bucket.objects(receipts)
        if f"-{delivery}-" in found.name and found.name.endswith(".parquet")
    ]
    table = _concluded(plan, journal)
    if known:
        told = bucket.dataset(known, SCHEMA).to_table(columns=["user_id"])["user_id"].combine_chunks()
        table = table.filter(pc.invert(pc.is_in(table["user_id"], value_set=told)))
    return table


@dataclass
class _Journal:
    """The last event of each request; `exact` where a request that is not in it was not sent."""

    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    exact: bool = False


def _read_journal(content: bytes) -> _Journal:
    journal = _Journal()
    for line in content.splitlines():
        try:
            entry = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue  # the line that was being written when the process died
        if "boot" in entry:
            journal.exact = entry["boot"] == boot()
        else:
            journal.events[entry["request"]] = entry
    return journal


@dataclass(frozen=True)
class _Known:
    """What is known of some rows of the plan."""

    rows: Ints
    status: str
    text: str
    attempt: int
    at: datetime | None
    sent_again: int = 0


def _concluded(plan: pa.Table, journal: _Journal) -> pa.Table:
    """The receipts of a plan: one for each row that was sent, or may have been."""
    requests = plan["request"].combine_chunks().dictionary_encode()
    codes = requests.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(requests.dictionary) + 1))
    parts = [
        known
        for code, request in enumerate(requests.dictionary.to_pylist())
        for known in _known(journal, request, order[bounds[code] : bounds[code + 1]])
        if known.status != _UNSENT and len(known.rows)
    ]
    if not parts:
        return SCHEMA.empty_table()
    sizes = [len(known.rows) for known in parts]
    part = pa.array(np.repeat(np.arange(len(parts)), sizes))
    rows = plan.take(pa.array(np.concatenate([known.rows for known in parts])))
    when = pa.array([known.at for known in parts], SCHEMA.field("answered_at").type).take(part)
    columns = [
        rows["user_id"],
        rows["fingerprint"],
        pa.array([known.status for known in parts]).take(part),
        pa.array([known.text for known in parts]).take(part),
        rows["request"],
        pa.array([known.attempt for known in parts], pa.int32()).take(part),
        pc.coalesce(when, rows["planned_at"]),
        rows["delivery"],
        rows["points"],
        pa.array([known.sent_again for known in parts], pa.int32()).take(part),
    ]
    return pa.table(columns, schema=SCHEMA)


def _known(journal: _Journal, request: str, rows: Ints, *, doubtful: bool = False) -> Iterator[_Known]:
    """What the journal says of a request's rows; requests that were divided are followed to their parts.

    Doubtful rows were in a request that may have been applied before it was divided.
    """
    event = journal.events.get(request)
    if event is None:
        yield _Known(rows, "unknown" if doubtful or not journal.exact else _UNSENT, _KILLED, 1, None)
        return
    doubtful = doubtful or event.get("doubtful", False)
    outcome, attempt, at = event["event"], int(event.get("attempt", 1)), _time(event)
    again = int(event.get("again", 0))
    rejected = {int(place): text for place, text in event.get("rejected", {}).items()}
    named = np.zeros(len(rows), bool)
    named[[place for place in rejected if place < len(rows)]] = True
    if outcome == "split":
        middle = len(rows) // 2
        yield from _known(journal, f"{request}.1", rows[:middle], doubtful=doubtful)
        yield from _known(journal, f"{request}.2", rows[middle:], doubtful=doubtful)
        return
    if doubtful and outcome in ("accepted", "rejected", "again"):
        yield _Known(rows if outcome == "rejected" else rows[named], "unknown", PERHAPS_APPLIED, attempt, at)
    for place, text in rejected.items():
        yield _Known(rows[place : place + 1], "rejected", text, attempt, at, again)
    if outcome == "again":
        yield from _known(journal, f"{request}.0", rows[~named], doubtful=doubtful)
    elif outcome in (SENT, NOT_APPLIED):
        status = "unknown" if outcome == SENT or not journal.exact else _UNSENT
        yield _Known(rows, status, _KILLED, attempt, at, again)
    else:
        yield _Known(rows[~named], outcome, event.get("text", ""), attempt, at, again)


def _time(event: dict[str, Any]) -> datetime | None:
    return datetime.fromtimestamp(event["at"], UTC) if "at" in event else None
