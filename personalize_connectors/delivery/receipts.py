"""Receipts: what the destination said about each record, written while the delivery runs.

They are the truth; the state is their compaction. Each file is whole by itself, so a delivery that dies leaves what it
had written.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from personalize_connectors.storage import Storage

SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("fingerprint", pa.binary()),
        ("status", pa.string()),
        ("text", pa.string()),
        ("request", pa.string()),
        ("attempt", pa.int32()),
        ("answered_at", pa.timestamp("us", tz="UTC")),
    ]
)

_FLUSH_SECONDS = 2.0
_FLUSH_ROWS = 500_000


@dataclass
class ReceiptWriter:
    """Collects receipts from several threads and writes them at least every two seconds while any arrive.

    Attributes:
        storage: Where to.
        folder: The run's receipts folder.
        clock: Seconds that never go back.
    """

    storage: Storage
    folder: str
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _tables: list[pa.Table] = field(default_factory=list)
    _rows: int = 0
    _flushed: float = 0.0

    def __post_init__(self) -> None:
        self._flushed = self.clock()

    def add(self, receipts: pa.Table) -> None:
        """Take receipts in the columns of `SCHEMA`."""
        with self._lock:
            self._tables.append(receipts)
            self._rows += receipts.num_rows
            if self._rows >= _FLUSH_ROWS or self.clock() - self._flushed >= _FLUSH_SECONDS:
                self._write()

    def flush(self) -> None:
        """Write what is left."""
        with self._lock:
            self._write()

    def _write(self) -> None:
        if self._tables:
            sink = pa.BufferOutputStream()
            pq.write_table(pa.concat_tables(self._tables), sink, compression="zstd")
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}.parquet"
            self.storage.write(f"{self.folder}/{name}", sink.getvalue().to_pybytes())
        self._tables, self._rows, self._flushed = [], 0, self.clock()
