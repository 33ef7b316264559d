"""The decorated record: the documented JSON line for each user.

`{"queryUserId": ..., "recommendations": [{<fields>, "itemId": ...}], "jobInfo": {...}, "syncDirectives": {...}}`; with
`userId` and `queryItemId` (`queryItemIds` where lists were merged) for related items, and `userId` for segments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_connectors.engine.gather import (
    IN_CACHE,
    between,
    first_apart,
    gather,
    json_strings,
    lengths,
    row_slices,
    surrounded,
)
from personalize_connectors.engine.ids import places
from personalize_connectors.engine.item_documents import column, dump


@dataclass(frozen=True)
class RecordForm:
    """What is the same in all records of a run."""

    job_type: str
    job_info: dict[str, Any]
    sync_directives: dict[str, Any]

    def tail(self) -> str:
        """What stands behind the recommendations."""
        directives = (
            f',"syncDirectives":{dump(self.sync_directives).decode()}' if self.sync_directives else ""
        )
        return f'],"jobInfo":{dump(self.job_info).decode()}{directives}}}\n'


def with_records(
    users: Iterable[pa.RecordBatch], documents: pa.Table, form: RecordForm
) -> Iterator[pa.RecordBatch]:
    """Batches with `user_id`, `items`, `queries` and any other columns, in slices, with the column `record` added."""
    known, texts = column(documents, "item_id"), column(documents, "document")
    sizes = pc.binary_length(texts).to_numpy().astype(np.int64)
    later, tail = surrounded(",", texts, ""), pa.array([form.tail()])
    end_code, head_code = len(later), len(later) + 1
    for batch in users:
        counts = lengths(batch["items"])
        codes = places(batch["items"], known)
        bounds = np.concatenate([[0], np.cumsum(counts)])
        weights = np.diff(np.concatenate([[0], np.cumsum(sizes[codes])])[bounds])
        begun, entries, others = first_apart(texts, codes, counts)
        heads = pc.binary_join_element_wise(_heads(form.job_type, batch), begun, "")
        pieces = pa.concat_arrays([later, tail, heads])
        first, behind = head_code + np.arange(len(batch)), np.concatenate([[0], np.cumsum(others)])
        for start, end in row_slices(weights, IN_CACHE):
            layout = between(
                first[start:end], entries[behind[start] : behind[end]], others[start:end], end_code
            )
            rows = batch.slice(start, end - start)
            yield rows.append_column("record", gather(pieces, *layout))


def with_documents(batches: Iterable[pa.RecordBatch], documents: pa.Table) -> Iterator[pa.RecordBatch]:
    """Batches of items (`user_id` is the item, `items` holds it, or nothing where it is removed) with `record`: its document."""
    known, texts = column(documents, "item_id"), column(documents, "document")
    for batch in batches:
        removed = surrounded('{"itemId":', json_strings(batch["user_id"]), ',"removed":true}')
        pieces = pa.concat_arrays([texts, removed, pa.array(["\n"])])
        codes = pc.index_in(batch["user_id"], value_set=known)
        own = pc.if_else(pa.array(lengths(batch["items"]) > 0), codes, None)
        places = len(texts) + np.arange(len(batch))
        first = pc.coalesce(own, pa.array(places, pa.int32())).to_numpy()
        newline = np.full(len(batch), len(pieces) - 1)
        layout = np.column_stack([first, newline]).ravel()
        yield batch.append_column("record", gather(pieces, layout, 2 * np.arange(1, len(batch) + 1)))


def _heads(job_type: str, rows: pa.RecordBatch) -> pa.Array:
    users = json_strings(rows["user_id"])
    if job_type == "related_items":
        return pc.binary_join_element_wise(
            "{", _query_items(rows["queries"]), ',"userId":', users, ',"recommendations":[', ""
        )
    key = "userId" if job_type == "user_segmentation" else "queryUserId"
    return surrounded(f'{{"{key}":', users, ',"recommendations":[')


def _query_items(queries: pa.ListArray) -> pa.Array:
    names = json_strings(queries.flatten().cast(pa.string()))
    counts = lengths(queries)
    lists = pa.ListArray.from_arrays(pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32()), names)
    texts = pc.binary_join(lists, ",")
    return pc.if_else(
        pa.array(counts == 1),
        surrounded('"queryItemId":', texts, ""),
        surrounded('"queryItemIds":[', texts, "]"),
    )
