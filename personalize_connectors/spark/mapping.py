"""The user-item mapping of a related_items job: a CSV file at a time, by `engine.mapping`, then one row for each user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import orjson
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as column

from personalize_connectors.engine.mapping import BadRow, SetAside, mapping_rows
from personalize_connectors.inputs import mapping_files
from personalize_connectors.job_run import Job
from personalize_connectors.spark.root import Root, root_of
from personalize_connectors.spark.work import pieces, table
from personalize_connectors.storage import Storage

# A row's place in the mapping: its file, and its number among the file's.
_BITS_OF_A_ROW = 40


@dataclass(frozen=True)
class _Reading:
    """The rows of each file, with their places."""

    root: Root
    paths: Sequence[str]

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        place = number << _BITS_OF_A_ROW
        for batch in mapping_rows(self.root.open(), [self.paths[number]], SetAside()):
            places = pa.array(range(place, place := place + len(batch)), pa.int64())
            yield batch.append_column("place", places)


@dataclass(frozen=True)
class _SettingAside:
    """How many rows of each file cannot be used, and the first of them."""

    root: Root
    paths: Sequence[str]

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        found = SetAside()
        for _ in mapping_rows(self.root.open(), [self.paths[number]], found):
            pass
        rows = orjson.dumps([asdict(row) for row in found.rows]).decode()
        yield pa.record_batch(
            {
                "number": pa.array([number], pa.int64()),
                "total": pa.array([found.total], pa.int64()),
                "rows": [rows],
            }
        )


def mapped_rows(spark: SparkSession, bucket: Storage, job: Job) -> DataFrame:
    """`user_id`, `item_id`, `place` of every row that can be used."""
    paths = mapping_files(bucket, job)
    return pieces(
        spark, len(paths), _Reading(root_of(bucket), paths), "user_id string, item_id string, place bigint"
    )


def items_by_user(rows: DataFrame) -> DataFrame:
    """Each user once with the mapped items in mapping order, each item once: `user_id`, `mapped`."""
    ordered = column.sort_array(column.collect_list(column.struct("place", "item_id")))
    items = column.array_distinct(ordered["item_id"])
    return rows.groupBy("user_id").agg(items.alias("mapped"))


def bad_mapping_rows(spark: SparkSession, bucket: Storage, job: Job) -> SetAside:
    """As `inputs`."""
    set_aside = SetAside()
    if job.job_type != "related_items":
        return set_aside
    paths = mapping_files(bucket, job)
    kernel = _SettingAside(root_of(bucket), paths)
    told = table(pieces(spark, len(paths), kernel, "number bigint, total bigint, rows string"))
    for piece in told.sort_by("number").to_pylist():
        rows = [BadRow(**row) for row in orjson.loads(piece["rows"])]
        for row in rows:
            set_aside.add(row)
        set_aside.total += piece["total"] - len(rows)
    return set_aside
