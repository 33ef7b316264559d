"""How the users of a run stand to what the destination last accepted, by the rules of `engine.delta`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as column

from personalize_connectors.assets.decoration import with_known_items
from personalize_connectors.engine.delta import REMOVED, DeltaCounts, delta_counts
from personalize_connectors.engine.fingerprints import fingerprints
from personalize_connectors.engine.frame import ROWS_PER_BATCH
from personalize_connectors.engine.ids import distinct
from personalize_connectors.spark.lookup import Lookup
from personalize_connectors.spark.root import Stage
from personalize_connectors.spark.work import pieces, table, task_session

# A user's place: the file of the lists, and the row in it.
BITS_OF_A_ROW = 32
MISSING = "missing"
_NEEDED = ("item_id", "digest", "per_item", "per_known_item")


@dataclass(frozen=True)
class Fingerprinting:
    """The fingerprints of the users of each file of lists."""

    users: Stage
    lookup: Lookup
    rendering: dict[str, Any]

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        """Those of one file."""
        folder = self.users.file(number)
        ids = () if self.lookup.whole else (distinct(folder.ids("items", self.users.frame)),)
        documents = self.lookup.documents(ids, _NEEDED)
        lists = with_known_items(folder.coded(["user_id", "items"], self.users.frame), documents)
        points = self.lookup.points(documents)
        with task_session() as session:
            found = fingerprints(session, lists, documents, self.rendering, points)
            above = found.project(f"place + {number << BITS_OF_A_ROW} AS place, * EXCLUDE place")
            yield from above.to_arrow_reader(ROWS_PER_BATCH)


@dataclass(frozen=True)
class Compared:
    """This run's users and those who were accepted.

    Attributes:
        rows: Those of `standing`, in which those who are missing are `removed` where they are to be, or `held`.
        counts: As in `engine.delta`.
        oldest: When the oldest list was accepted that is not among the unchanged ones, in microseconds.
    """

    rows: DataFrame
    counts: DeltaCounts
    oldest: int | None


def current_rows(spark: SparkSession, kernel: Fingerprinting) -> DataFrame:
    """This run's users."""
    schema = "place bigint, user_id string, fingerprint binary, points bigint, points_if_known bigint"
    return pieces(spark, len(kernel.users), kernel, schema)


def standing(current: DataFrame, accepted: DataFrame, rejected: DataFrame, present: DataFrame) -> DataFrame:
    """Each user of the run or accepted before, with `change`: `added`, `changed`, `unchanged`, `held`, `missing`, `present`."""
    before = accepted.select(
        "user_id", column.col("fingerprint").alias("before"), "accepted_at", _marked("known")
    )
    rejected = rejected.select("user_id", "fingerprint", _marked("rejected"))
    rows = (
        current.join(before, "user_id", "full")
        .withColumn("fingerprint", column.coalesce("fingerprint", column.lit(REMOVED)))
        .join(rejected, ["user_id", "fingerprint"], "left")
        .join(present.select("user_id", _marked("present")), "user_id", "left")
    )
    return rows.selectExpr(
        "place",
        "user_id",
        "fingerprint",
        "accepted_at",
        "known IS NOT NULL AS known",
        "rejected IS NOT NULL AS rejected",
        "CASE WHEN known THEN points_if_known ELSE points END AS points",
        """
        CASE WHEN place IS NULL AND present THEN 'present' WHEN place IS NULL THEN 'missing'
          WHEN before = fingerprint THEN 'unchanged' WHEN rejected THEN 'held'
          WHEN known THEN 'changed' ELSE 'added' END AS change
        """,
    )


def _marked(name: str) -> Column:
    return column.expr(f"true AS {name}")


def compare(rows: DataFrame, points_of_removal: int, most_removed: float | None) -> Compared:
    """Count the rows of `standing`, and decide whether those who are missing are removed, as `engine.delta` does."""
    sums = rows.groupBy("change", "rejected").agg(
        column.count("*").alias("users"),
        column.sum("points").alias("points"),
        column.sum(column.col("known").cast("bigint")).alias("known"),
        column.min("accepted_at").alias("oldest"),
    )
    found = table(sums).to_pylist()
    accepted = sum(row["known"] for row in found)
    missing = sum(row["users"] for row in found if row["change"] == MISSING)
    removing = most_removed is not None and missing <= most_removed * accepted
    users: Counter[str] = Counter()
    points: Counter[str] = Counter()
    for row in found:
        change = row["change"]
        if change == MISSING and removing:
            change = "held" if row["rejected"] else "removed"
        users[change] += row["users"]
        points[change] += points_of_removal * row["users"] if change == "removed" else row["points"] or 0
    oldest = [row["oldest"] for row in found if row["change"] != "unchanged" and row["oldest"] is not None]
    counted = [(change, users[change], points[change]) for change in users]
    return Compared(
        _removing(rows, points_of_removal) if removing else rows,
        delta_counts(counted, missing, accepted),
        min(oldest, default=None),
    )


def _removing(rows: DataFrame, points: int) -> DataFrame:
    missing, held = column.col("change") == MISSING, column.col("rejected")
    return rows.withColumn(
        "points", column.when(missing, column.lit(points)).otherwise(column.col("points"))
    ).withColumn(
        "change",
        column.when(missing & held, "held").when(missing, "removed").otherwise(column.col("change")),
    )
