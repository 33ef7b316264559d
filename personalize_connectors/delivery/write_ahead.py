"""A record of what is about to be sent, so that after a kill only what was in flight is uncertain.

Before the first request of a slice of users goes out, a plan of the slice is written: which request holds whom. Where the
bucket is a local folder, a journal beside it says line by line which request was sent and what it was answered; appended
lines survive the death of a process. On S3, which cannot append, all of a plan that has no receipt is uncertain.
"""

from __future__ import annotations

import secrets
from collections import deque
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any, Self

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from personalize_connectors.delivery.parcels import Parcel
from personalize_connectors.storage import Storage
from personalize_connectors.storage_errors import STORAGE_ERRORS

PLAN = pa.schema(
    [
        ("user_id", pa.string()),
        ("fingerprint", pa.binary()),
        ("points", pa.int64()),
        ("delivery", pa.string()),
        ("request", pa.string()),
        ("planned_at", pa.timestamp("us", tz="UTC")),
    ]
)
_REPEATED = ["delivery", "request", "planned_at"]
JOURNAL = ".journal"
SENT = "sent"
NOT_APPLIED = "not applied"

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class WriteAhead:
    """The plans and the journal of one delivery.

    Attributes:
        delivery: Names the delivery; its requests are `<delivery>-<number>`.
    """

    def __init__(self, storage: Storage, folder: str) -> None:
        self.delivery = secrets.token_hex(4)
        self._storage, self._folder = storage, folder
        self._plans: deque[str] = deque()
        self._requests = 0
        self._journal: FileIO | None = None

    def plan(self, parcels: list[Parcel]) -> list[tuple[str, Parcel]]:
        """Write down who will be sent in which request, before any of it is sent; gives the requests."""
        numbers = range(self._requests, self._requests + len(parcels))
        self._requests += len(parcels)
        named = [f"{self.delivery}-{number}" for number in numbers]
        sizes = [len(parcel) for parcel in parcels]
        rows = sum(sizes)
        users = pa.Table.from_batches([parcel.users for parcel in parcels])
        now = pa.scalar(datetime.now(UTC), PLAN.field("planned_at").type)
        columns = [
            users["user_id"],
            users["fingerprint"],
            users["points"],
            pa.repeat(pa.scalar(self.delivery), rows),
            pa.array(named).take(pa.array(np.repeat(np.arange(len(named)), sizes))),
            pa.repeat(now, rows),
        ]
        self._open_journal()
        path = f"{self._folder}/{self.delivery}-{len(self._plans):06d}.parquet"
        sink = pa.BufferOutputStream()
        # Quick to write, for it is read only after a kill.
        pq.write_table(pa.table(columns, schema=PLAN), sink, compression="none", use_dictionary=_REPEATED)
        self._storage.write(path, sink.getvalue().to_pybytes())
        self._plans.append(path)
        return list(zip(named, parcels, strict=True))

    def note(self, request: str, event: str, **more: Any) -> None:
        """Say what became of a request: `sent`, `not applied`, or the outcome of its answer."""
        if self._journal:
            self._journal.write(
                orjson.dumps({"request": request, "event": event, **more}, option=orjson.OPT_NON_STR_KEYS)
                + b"\n"
            )

    def leave(self) -> None:
        """Give back the journal and leave all that was written, for a recovery."""
        if self._journal:
            self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Remove all that was written, for what was sent has its receipts, unless the storage failed to take them."""
        self.leave()
        if kind and issubclass(kind, STORAGE_ERRORS):
            return
        for path in self._plans:
            self._storage.remove(path)
        if self._journal:
            self._storage.remove(f"{self._folder}/{self.delivery}{JOURNAL}")

    def _open_journal(self) -> None:
        if self._journal or not self._storage.local:
            return
        place = self._storage.local / self._folder / f"{self.delivery}{JOURNAL}"
        place.parent.mkdir(parents=True, exist_ok=True)
        self._journal = FileIO(place, "ab")
        self._journal.write(orjson.dumps({"boot": boot()}) + b"\n")


def boot() -> str:
    """Tells one start of this machine from the next: a journal's last lines may be lost with the machine."""
    return _BOOT.read_text().strip() if _BOOT.exists() else ""
