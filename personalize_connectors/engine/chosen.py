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
# Rows of a delta; to ask for them takes as long as to read some thousands.
_AT_ONCE = 262_144
_OF_DELTA, _OF_LISTS = SCHEMA.names[:4], SCHEMA.names[4:]


def chosen(delta: duckdb.DuckDBPyRelation, lists: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows of `SCHEMA` in the order of their places, lists as they come (`engine.ids`); then those without a place.

    Args:
        delta: `place`, `user_id`, `fingerprint`, `points`, `change` of the rows that are wanted; those without a place are in no
            list and get an empty one.
        lists: `items`, `queries` of all places, in order; read no further than they are wanted.
    """
    ((last,),) = delta.aggregate("coalesce(max(place), -1)").fetchall()
    start, known = 0, -1
    while start <= last:
        batch = next(lists)
        end = start + len(batch)
        if end > known:
            known = max(end, start + _AT_ONCE)
            read = delta.filter(f"place >= {start} AND place < {known}").order("place").to_arrow_table()
            places = read["place"].combine_chunks().cast(pa.int64()).to_numpy()
        first, behind = np.searchsorted(places, [start, end])
        if first < behind:
            wanted = batch
            if behind - first < len(batch):
                wanted = batch.take(places[first:behind] - start)
            yield _row_batch(read.slice(first, behind - first), [wanted[name] for name in _OF_LISTS])
        start = end
    for found in delta.filter("place IS NULL").to_arrow_reader(ROWS_PER_BATCH):
        nowhere = pa.array(np.zeros(len(found) + 1, np.int32))
        empty = pa.ListArray.from_arrays(nowhere, pa.array([], pa.string()))
        yield _row_batch(pa.Table.from_batches([found]), [empty, empty])


def _row_batch(rows: pa.Table, lists: list[pa.Array]) -> pa.RecordBatch:
    columns = [rows[name].combine_chunks().cast(SCHEMA.field(name).type) for name in _OF_DELTA]
    return pa.record_batch([*columns, *lists], names=SCHEMA.names)
