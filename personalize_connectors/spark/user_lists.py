"""One row per user: of users a file of `batch_inference_raw` at a time, of segments and mapped items once their rows have met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession

from personalize_connectors import layout
from personalize_connectors.assets.decoration import LISTS, PRESENT
from personalize_connectors.assets.removal import NAMELESS_LINES
from personalize_connectors.assets.user_lists import ASSET, PRESENT_SCHEMA, UserLists
from personalize_connectors.engine.frame import Frame, Written
from personalize_connectors.engine.recommendations import SCHEMA, last_lines
from personalize_connectors.folders import Folder
from personalize_connectors.job_config import JobConfig
from personalize_connectors.job_run import JobRun
from personalize_connectors.spark.lists_of_items import Merging
from personalize_connectors.spark.lists_of_segments import lists_of_segments
from personalize_connectors.spark.lists_of_users import files_of_users, repeated_users
from personalize_connectors.spark.mapping import bad_mapping_rows, items_by_user, mapped_rows
from personalize_connectors.spark.root import Stage, root_of, stage_of
from personalize_connectors.spark.work import TOLD, Writing, files, partitions, pieces, table
from personalize_connectors.storage import Storage


@dataclass(frozen=True)
class _Making:
    """What the lists of a run are made of."""

    spark: SparkSession
    session: duckdb.DuckDBPyConnection
    bucket: Storage
    run: JobRun
    config: JobConfig
    raw: Folder

    @property
    def stage(self) -> Stage:
        """The typed lines, for workers."""
        return stage_of(self.raw)

    def as_they_are(self, rows: DataFrame, schema: pa.Schema, name: str, token: str) -> Iterable[Written]:
        """Write rows of Spark's."""
        writing = Writing(root_of(self.bucket), schema, layout.stage(self.run, ASSET), name, token)
        return files(partitions(rows, writing, TOLD))


def user_lists(
    spark: SparkSession,
    session: duckdb.DuckDBPyConnection,
    bucket: Storage,
    run: JobRun,
    config: JobConfig,
    raw: Folder,
) -> UserLists:
    """As `assets.user_lists`."""
    making = _Making(spark, session, bucket, run, config, raw)
    repeated, lists = _lists(making)
    errors = _errors(making)
    of_segments = run.job.job_type == "user_segmentation"
    nameless = sum(lines for (_, named), lines in errors.items() if of_segments or not named)
    reasons: Counter[str] = Counter()
    for (reason, _), lines in errors.items():
        reasons[reason] += lines
    folder = layout.stage(run, ASSET)
    frames = [
        Frame(SCHEMA, iter(()), folder, name=LISTS, manifest={NAMELESS_LINES: nameless}, spread=lists),
        Frame(PRESENT_SCHEMA, iter(()), folder, name=PRESENT, spread=_present(making)),
    ]
    ordered = dict(sorted(reasons.items(), key=lambda found: (-found[1], found[0])))
    return UserLists(frames, repeated, ordered, bad_mapping_rows(spark, bucket, run.job))


def _lists(making: _Making) -> tuple[int, Callable[[str], Iterable[Written]]]:
    """How many earlier lines of the same query are left out, and what writes the lists."""
    spark, run, longest = making.spark, making.run, making.config.top.itemsPerUser
    if run.job.job_type == "user_segmentation":
        rows = lists_of_segments(spark, making.stage, longest)
        repeated = last_lines(making.session, making.raw.scan()).repeated
        return repeated, lambda token: making.as_they_are(rows, SCHEMA, LISTS, token)
    if run.job.job_type == "related_items":
        mapped = items_by_user(mapped_rows(spark, making.bucket, run.job))
        repeated, policy = (
            last_lines(making.session, making.raw.scan()).repeated,
            making.config.top.userItemPolicy,
        )
        return repeated, lambda token: files(
            partitions(mapped, Merging(making.stage, run, policy, longest, token), TOLD)
        )
    users = repeated_users(spark, making.stage)
    return users.lines, lambda token: files_of_users(spark, making.stage, run, longest, users, token)


def _present(making: _Making) -> Callable[[str], Iterable[Written]] | None:
    """What writes the users whose line was an error: they are not gone."""
    job = making.run.job
    if job.job_type == "user_segmentation":
        return None
    rows = pieces(making.spark, len(making.stage), _Failed(making.stage), "user_id string").distinct()
    if job.job_type == "related_items":
        items = rows.withColumnRenamed("user_id", "item_id")
        rows = (
            mapped_rows(making.spark, making.bucket, job).join(items, "item_id").select("user_id").distinct()
        )
    return lambda token: making.as_they_are(rows, PRESENT_SCHEMA, PRESENT, token)


@dataclass(frozen=True)
class _Failed:
    """The queries of the error lines of each file."""

    raw: Stage

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        failed = pc.field("reason").is_valid() & pc.field("query").is_valid()
        for batch in self.raw.file(number).scan().to_batches(columns=["query"], filter=failed):
            yield batch.rename_columns(["user_id"])


@dataclass(frozen=True)
class _Counting:
    """The error lines of each file by their reason, and whether they name a query."""

    raw: Stage

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        failed = pc.field("reason").is_valid()
        lines = self.raw.file(number).scan().to_table(columns=["reason", "query"], filter=failed)
        marked = pa.table({"reason": lines["reason"], "named": lines["query"].is_valid()})
        counted = marked.group_by(["reason", "named"]).aggregate([([], "count_all")])
        yield from counted.rename_columns(["reason", "named", "lines"]).to_batches()


def _errors(making: _Making) -> Counter[tuple[str, bool]]:
    counted: Counter[tuple[str, bool]] = Counter()
    schema = "reason string, named boolean, lines bigint"
    for row in table(pieces(making.spark, len(making.stage), _Counting(making.stage), schema)).to_pylist():
        counted[row["reason"], row["named"]] += row["lines"]
    return counted
