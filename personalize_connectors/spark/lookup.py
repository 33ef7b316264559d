"""The item documents as workers look them up: a file of the bucket, which a worker process holds whole, or those items that it needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from personalize_connectors.connectors.protocol import DataPoints
from personalize_connectors.engine.item_documents import SCHEMA as DOCUMENTS
from personalize_connectors.spark.root import Root, root_of
from personalize_connectors.storage import Storage
from personalize_connectors.table_file import table_file

_MORE = pa.schema([("per_item", pa.int64()), ("per_known_item", pa.int64()), ("shows_a_field", pa.bool_())])
_SCHEMA = pa.schema([*DOCUMENTS, *_MORE])


@dataclass(frozen=True)
class Lookup:
    """The item documents of a connector, and what each item is billed.

    Attributes:
        root: The bucket.
        path: The file.
        whole: Whether a worker process holds all of them.
        per_user: As in `connectors.protocol.DataPoints`.
        per_known_user: Likewise.
        for_known: Whether items of known users are billed by `per_known_item`.
    """

    root: Root
    path: str
    whole: bool
    per_user: int
    per_known_user: int | None
    for_known: bool

    def documents(self, ids: Iterable[pa.Array], columns: Sequence[str] = tuple(DOCUMENTS.names)) -> pa.Table:
        """Columns of all documents, or of those of some items and of the first that shows each field, in their order.

        What a connector asks of all documents is which fields there are.
        """
        if self.whole:
            return _held(self, tuple(columns))
        wanted = pa.chunked_array(list(ids), pa.string()).unique()
        needed = pc.field("item_id").isin(wanted) | pc.field("shows_a_field")
        return self.scan().to_table(columns=list(columns), filter=needed)

    def points(self, documents: pa.Table) -> DataPoints:
        """What is billed, for documents with the columns `per_item`, `per_known_item`."""
        per_item, per_known = (documents[name].to_numpy() for name in ("per_item", "per_known_item"))
        return DataPoints(
            self.per_user,
            per_item,
            self.per_known_user,
            per_known_item=per_known if self.for_known else None,
        )

    def scan(self) -> ds.Dataset:
        """A lazy scan of the file."""
        return self.root.open().dataset([self.path])


@lru_cache(maxsize=2)
def _held(lookup: Lookup, columns: tuple[str, ...]) -> pa.Table:
    return lookup.scan().to_table(columns=list(columns)).combine_chunks()


def write_lookup(
    storage: Storage, path: str, documents: pa.Table, points: DataPoints, most_bytes: int
) -> Lookup:
    """Write the documents for workers, which hold at most so many bytes of them whole."""
    per_known = np.zeros(len(documents), np.int64) if points.per_known_item is None else points.per_known_item
    more = [pa.array(points.per_item, pa.int64()), pa.array(per_known, pa.int64()), _showing(documents)]
    rows = pa.table([*documents.columns, *more], schema=_SCHEMA)
    with table_file(storage, path, _SCHEMA) as file:
        for batch in rows.to_batches():
            file.write(batch)
    return Lookup(
        root=root_of(storage),
        path=path,
        whole=rows.nbytes <= most_bytes,
        per_user=points.per_user,
        per_known_user=points.per_known_user,
        for_known=points.per_known_item is not None,
    )


def _showing(documents: pa.Table) -> pa.Array:
    """Which documents are the first to show a field."""
    seen: set[str] = set()
    shows = []
    for text in documents["payload"].to_pylist():
        fields = orjson.loads(text)
        new = fields.keys() - seen if isinstance(fields, dict) else set()
        shows.append(bool(new))
        seen |= new
    return pa.array(shows, pa.bool_())
