"""A frame: columns that are not there yet. What makes it runs when somebody takes the batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

ROWS_PER_BATCH = 65_536
# Of a Parquet file, unless they are large.
ROWS_PER_GROUP = 131_072


@dataclass(frozen=True)
class Lines:
    """A text column of a frame that goes to line-wise files of its own instead of Parquet.

    Attributes:
        column: The column; each value is one whole line or several, with their newlines.
        folder: Where the files go, from the storage's root.
        compression: `none`, `gzip` or `zstd`.
    """

    column: str
    folder: str
    compression: str


@dataclass(frozen=True)
class Beside:
    """Rows made of those of a frame and written in the same pass, in files that a later stage takes for its own.

    Attributes:
        schema: Their columns.
        folder: That stage's folder; it is not complete by these files, which the manifest of the frame's own folder names.
        name: What their Parquet files begin with.
        rows: Makes them of rows of the frame, in which lists of ids are places in a dictionary.
    """

    schema: pa.Schema
    folder: str
    name: str
    rows: Callable[[pa.RecordBatch], pa.RecordBatch]


# A written file: the folder, and what the folder's manifest says of it.
Written = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Frame:
    """A lazy table, and where it is to be written.

    Attributes:
        schema: The columns, with those of `lines`.
        batches: Yields the rows once.
        folder: The partition folder, from the storage's root.
        name: What its Parquet files begin with.
        lines: A column that goes to files of its own.
        replaces_last: Keep what the folder holds until this is written; else the folder is emptied first.
        beside: What is written in the same pass for a later stage.
        spread: Gives the files of further rows: other machines write them, with names that hold this token, or they are there.
        manifest: What its `_SUCCESS` says besides files, rows, bytes and digests.
    """

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    folder: str
    name: str = "part"
    lines: Lines | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)
    replaces_last: bool = False
    beside: Beside | None = None
    spread: Callable[[str], Iterable[Written]] | None = None

    @property
    def schema_of_table(self) -> pa.Schema:
        """The columns that go to Parquet."""
        apart = self.lines and self.lines.column
        return pa.schema([column for column in self.schema if column.name != apart])


def batches(relation: duckdb.DuckDBPyRelation, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of a relation in these columns; the query starts with the first batch and holds the session to the last."""
    for batch in relation.to_arrow_reader(ROWS_PER_BATCH):
        yield batch.select(schema.names).cast(schema)
