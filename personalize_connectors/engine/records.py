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

from personalize_connectors.engine.gather import gather, json_strings, lengths, surrounded
from personalize_connectors.engine.ids import recoded
from personalize_connectors.engine.item_documents import column, dump
from personalize_connectors.engine.pieces import unjoined


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
    """Batches with `user_id`, `items`, `queries` and any other columns, with the column `record` of `pieces.TYPE` added."""
    known, texts = column(documents, "item_id"), column(documents, "document")
    tail = form.tail()
    for batch in users:
        lists = recoded(batch["items"], known, texts)
        yield batch.append_column("record", unjoined(_heads(form.job_type, batch), lists, tail))


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
