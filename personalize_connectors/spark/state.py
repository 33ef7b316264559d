"""What was accepted and rejected before, by the rules of `delivery.state`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as column

from personalize_connectors.delivery.receipts import SCHEMA as RECEIPTS
from personalize_connectors.delivery.state import SCHEMA as STATE
from personalize_connectors.delivery.state import UNCERTAIN, Accepted, receipts_of_run, rejected_in
from personalize_connectors.delivery.write_ahead import PLAN
from personalize_connectors.engine.delta import REMOVED
from personalize_connectors.job_run import JobRun
from personalize_connectors.spark.root import Root, root_of
from personalize_connectors.spark.work import pieces, task_session
from personalize_connectors.storage import Storage

_FILES_AT_ONCE = 64
_TYPES = {pa.string(): "string", pa.binary(): "binary", pa.int64(): "bigint"}


@dataclass(frozen=True)
class _Files:
    """Columns of Parquet files, some files at a time; times come as microseconds."""

    root: Root
    files: tuple[tuple[str, ...], ...]
    schema: pa.Schema

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        scan = self.root.open().dataset(list(self.files[number]), self.schema)
        for batch in scan.to_batches(columns=self.schema.names):
            yield batch.cast(_without_times(self.schema))


@dataclass(frozen=True)
class _Rejected:
    """What receipts say was rejected, some files at a time."""

    root: Root
    files: tuple[tuple[str, ...], ...]
    redrive: str | None

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        scan = self.root.open().dataset(list(self.files[number]), RECEIPTS)
        with task_session() as session:
            yield from rejected_in(session, scan, self.redrive).to_arrow_reader()


def accepted_rows(spark: SparkSession, bucket: Storage, accepted: Accepted) -> DataFrame:
    """`user_id`, `fingerprint` (null where it is uncertain), `accepted_at` (in microseconds) of each user whose profile holds something of ours."""
    fingerprint, uncertain = column.col("fingerprint"), column.lit(UNCERTAIN)
    known = _read(spark, bucket, accepted.snapshot, STATE, list(STATE.names), at_once=1).withColumn(
        "fingerprint", column.coalesce(fingerprint, uncertain)
    )
    if accepted.unfolded or accepted.in_flight:
        known = _last_words(known, *_since(spark, bucket, accepted))
    certain = column.when(fingerprint != uncertain, fingerprint)
    return known.where(fingerprint != column.lit(REMOVED)).withColumn("fingerprint", certain)


def rejected_rows(
    spark: SparkSession, bucket: Storage, run: JobRun, accepted: Accepted, redrive: str | None
) -> DataFrame:
    """`user_id`, `fingerprint` of what the destination rejected in this run."""
    files = _at_once(receipts_of_run(run, accepted), _FILES_AT_ONCE)
    kernel = _Rejected(root_of(bucket), files, redrive)
    return pieces(spark, len(files), kernel, "user_id string, fingerprint binary").distinct()


def _since(spark: SparkSession, bucket: Storage, accepted: Accepted) -> tuple[DataFrame, DataFrame]:
    """What was said since the snapshot, and what is in flight without an answer."""
    said = ["user_id", "fingerprint", "status", "answered_at", "delivery"]
    unfolded = _read(spark, bucket, accepted.unfolded, RECEIPTS, said)
    in_flight = _read(spark, bucket, accepted.in_flight, PLAN, ["user_id", "delivery", "planned_at"])
    return unfolded, in_flight.join(unfolded, ["user_id", "delivery"], "left_anti")


def _last_words(known: DataFrame, unfolded: DataFrame, in_flight: DataFrame) -> DataFrame:
    uncertain, status = column.lit(UNCERTAIN), column.col("status")
    told = column.when(status == "accepted", column.col("fingerprint")).otherwise(uncertain)
    answered = unfolded.where(status.isin("accepted", "unknown"))
    words = known.unionAll(_words(answered, told, "answered_at")).unionAll(
        _words(in_flight, uncertain, "planned_at")
    )
    last = column.max_by("fingerprint", "accepted_at").alias("fingerprint")
    return words.groupBy("user_id").agg(last, column.max("accepted_at").alias("accepted_at"))


def _words(rows: DataFrame, fingerprint: Column, at: str) -> DataFrame:
    return rows.select("user_id", fingerprint.alias("fingerprint"), column.col(at).alias("accepted_at"))


def _read(
    spark: SparkSession,
    bucket: Storage,
    paths: Sequence[str],
    schema: pa.Schema,
    names: list[str],
    at_once: int = _FILES_AT_ONCE,
) -> DataFrame:
    wanted = pa.schema([schema.field(name) for name in names])
    typed = ", ".join(f"{field.name} {_TYPES[field.type]}" for field in _without_times(wanted))
    files = _at_once(paths, at_once)
    return pieces(spark, len(files), _Files(root_of(bucket), files, wanted), typed)


def _without_times(schema: pa.Schema) -> pa.Schema:
    return pa.schema(
        [field.with_type(pa.int64()) if pa.types.is_timestamp(field.type) else field for field in schema]
    )


def _at_once(paths: Sequence[str], number: int) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(paths[start : start + number]) for start in range(0, len(paths), number))
