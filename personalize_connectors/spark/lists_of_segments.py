"""The lists of user_segmentation: each user gets the queries whose segment names them, best rank first, then by query."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as column

from personalize_connectors.engine.gather import lengths
from personalize_connectors.engine.recommendations import COLUMNS, last_lines, readable
from personalize_connectors.spark.root import Stage
from personalize_connectors.spark.work import pieces, task_session


@dataclass(frozen=True)
class _Members:
    """The members of the segments of each file."""

    raw: Stage

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        with task_session() as session:
            last = last_lines(session, self.raw.whole().scan(self.raw.frame))
        lines = self.raw.file(number).scan().to_batches(columns=list(COLUMNS))
        for batch in readable(lines, last):
            sizes = lengths(batch["recommended"])
            begins = np.repeat(np.cumsum(sizes) - sizes, sizes)
            queries = batch["query"].take(pa.array(np.repeat(np.arange(len(batch)), sizes)))
            ranks = pa.array(np.arange(len(begins)) - begins, pa.int64())
            members = pa.record_batch(
                [batch["recommended"].flatten(), queries, ranks], ["user_id", "query", "rank"]
            )
            yield members


def lists_of_segments(spark: SparkSession, raw: Stage, longest: int) -> DataFrame:
    """The rows of `engine.recommendations`."""
    members = pieces(spark, len(raw), _Members(raw), "user_id string, query string, rank bigint")
    ranked = column.sort_array(column.collect_list(column.struct("rank", "query")))
    # Of a query that names a user twice the better rank comes first, and the first counts.
    items = column.slice(column.array_distinct(ranked["query"]), 1, longest)
    nothing = column.lit(None)
    return (
        members.groupBy("user_id")
        .agg(items.alias("items"))
        .withColumn("scores", nothing.cast("array<double>"))
        .withColumn("queries", nothing.cast("array<string>"))
    )
