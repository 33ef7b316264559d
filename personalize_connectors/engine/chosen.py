"""The rows that are to be delivered, with their lists: rows of a delta and of the users' lists, both in the users' order.

The lists are not joined, but passed by: most runs deliver few of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa

from personalize_connectors.engine.frame import ROWS_PER_BATCH

SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("fingerprint", pa.binary()),
        ("points", pa.int64()),
        ("change", pa.string()),
        ("items", pa.list_(pa.string())),
        ("queries", pa.list_(pa.string())),
    ]
)
_DELTA = SCHEMA.names[:4]
_LISTS = SCHEMA.names[4:]


def chosen(delta: duckdb.DuckDBPyRelation, lists: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows of `SCHEMA`, lists as they come.

    Args:
        delta: `place`, `user_id`, `fingerprint`, `points`, `change` of the rows that are wanted; those without a place are in no
            list and get an empty one.
        lists: `items`, `queries` of all places, in order.
    """
    rows = _Rows(delta.order("place NULLS LAST").to_arrow_reader(ROWS_PER_BATCH))
    start = 0
    while (first := rows.next_place()) is not None:
        batch = next(lists)
        end = start + len(batch)
        if first < end:
            for found in rows.before(end):
                taken = batch.take(pa.array(found["place"].to_numpy() - start))
                yield _put_together(found, [taken[name] for name in _LISTS])
        start = end
    for found in rows.rest():
        empty = pa.ListArray.from_arrays(
            pa.array(np.zeros(len(found) + 1, np.int32)), pa.array([], pa.string())
        )
        yield _put_together(found, [empty, empty])


def _put_together(rows: pa.RecordBatch, lists: list[pa.Array]) -> pa.RecordBatch:
    columns = [rows[name].cast(SCHEMA.field(name).type) for name in _DELTA]
    return pa.record_batch([*columns, *lists], names=SCHEMA.names)


class _Rows:
    """Rows in the order of their places, taken up to one place after the other."""

    def __init__(self, reader: pa.RecordBatchReader) -> None:
        self._reader = reader
        self._held: pa.RecordBatch | None = None

    def next_place(self) -> int | None:
        """The place of the next row; None where no row has one any more."""
        batch = self._next()
        place: int | None = batch["place"][0].as_py() if batch else None
        return place

    def before(self, end: int) -> Iterator[pa.RecordBatch]:
        """The rows with a place before this one."""
        while batch := self._next():
            places = batch["place"].drop_null().to_numpy()
            count = int(np.searchsorted(places, end))
            if count:
                yield batch.slice(0, count)
            self._held = batch.slice(count)
            if count < len(batch):
                return

    def rest(self) -> Iterator[pa.RecordBatch]:
        """The rows that are left."""
        while batch := self._next():
            yield batch
            self._held = None

    def _next(self) -> pa.RecordBatch | None:
        while not self._held:
            try:
                self._held = self._reader.read_next_batch()
            except StopIteration:
                return None
        return self._held
