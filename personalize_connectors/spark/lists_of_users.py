"""The lists of user_personalization and personalized_ranking: the query is the user, and of repeated ones the last line counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as column

from personalize_connectors import layout
from personalize_connectors.assets.decoration import LISTS
from personalize_connectors.assets.user_lists import ASSET
from personalize_connectors.engine.frame import Frame, Written
from personalize_connectors.engine.recommendations import (
    BETWEEN,
    COLUMNS,
    SCHEMA,
    LastLines,
    of_users,
    readable,
)
from personalize_connectors.job_run import JobRun
from personalize_connectors.spark.root import Stage
from personalize_connectors.spark.work import TOLD, files, groups, pieces, table, written

_NONE = LastLines(pa.array([], pa.string()), pa.array([], pa.string()), 0)


@dataclass(frozen=True)
class Repeated:
    """The queries that stand in several readable lines.

    Attributes:
        lines: How many earlier lines there are, which are left out.
        marks: For each of their lines the file (`piece`), the `query`, and its `last` line as `engine.recommendations` has it.
    """

    lines: int
    marks: DataFrame


@dataclass(frozen=True)
class _Queries:
    """The queries of the readable lines of each file."""

    raw: Stage

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        scan = self.raw.file(number).scan()
        readable_ones = pc.field("reason").is_null()
        for batch in scan.to_batches(columns=["query", "file", "line"], filter=readable_ones):
            yield batch.append_column("piece", pa.repeat(pa.scalar(number, pa.int64()), len(batch)))


@dataclass(frozen=True)
class _Listing:
    """Writes the lists of each file."""

    raw: Stage
    run: JobRun
    longest: int
    token: str

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        yield self._listed(number, _NONE)

    def with_marks(self, number: int, marks: pa.Table) -> pa.Table:
        """The same, where queries are repeated."""
        marks = marks.drop_null()
        queries, last = (marks[name].cast(pa.string()).unique() for name in ("query", "last"))
        return pa.Table.from_batches([self._listed(number, LastLines(queries, last, len(marks)))])

    def _listed(self, number: int, last: LastLines) -> pa.RecordBatch:
        lines = readable(self.raw.file(number).coded(COLUMNS), last)
        frame = Frame(SCHEMA, of_users(lines, self.longest), layout.stage(self.run, ASSET), name=LISTS)
        return written(self.raw.root, frame, self.token, number)


def repeated_users(spark: SparkSession, raw: Stage) -> Repeated:
    """Find the users who stand in several readable lines."""
    lines = pieces(spark, len(raw), _Queries(raw), "query string, file string, line bigint, piece bigint")
    place = column.struct("file", "line")
    again = (
        lines.groupBy("query")
        .agg(column.count("*").alias("times"), column.max(place).alias("last"))
        .where("times > 1")
    )
    earlier = table(again.agg(column.sum(column.col("times") - 1).alias("lines")))["lines"][0].as_py()
    last = column.concat(column.col("last.file"), column.lit(BETWEEN), column.col("last.line"))
    return Repeated(earlier or 0, lines.join(again, "query").select("piece", "query", last.alias("last")))


def files_of_users(
    spark: SparkSession, raw: Stage, run: JobRun, longest: int, repeated: Repeated, token: str
) -> Iterable[Written]:
    """Write the lists."""
    listing = _Listing(raw, run, longest, token)
    if not repeated.lines:
        return files(pieces(spark, len(raw), listing, TOLD))
    nothing = column.lit(None).cast("string")
    each = spark.range(len(raw)).select(
        column.col("id").alias("piece"), nothing.alias("query"), nothing.alias("last")
    )
    return files(groups(each.unionByName(repeated.marks), len(raw), listing.with_marks, TOLD))
