"""Every line of a source, typed: a split of a file at a time, by `engine.batch_output`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pyarrow as pa
from pyspark.sql import SparkSession

from personalize_connectors import layout
from personalize_connectors.assets.raw_lines import ASSET
from personalize_connectors.engine.batch_output import SCHEMA, typed_lines
from personalize_connectors.engine.frame import Frame, Written
from personalize_connectors.engine.lines import Stretch
from personalize_connectors.job_run import JobRun
from personalize_connectors.sources import SOURCE_VERSION, Source
from personalize_connectors.spark.root import Root, root_of
from personalize_connectors.spark.splits import Split, blocks_of, count_lines, numbered, splits_of
from personalize_connectors.spark.work import TOLD, files, pieces, table, task_session, written
from personalize_connectors.storage import Object, Storage


@dataclass(frozen=True)
class _Counting:
    """Counts the lines of each split."""

    source: Root
    objects: tuple[Object, ...]
    splits: tuple[Split, ...]

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        split = self.splits[number]
        lines = count_lines(blocks_of(self.source.open(), self.objects[split.file_no], split))
        yield pa.record_batch(
            {"number": pa.array([number], pa.int64()), "lines": pa.array([lines], pa.int64())}
        )


@dataclass(frozen=True)
class _Typing:
    """Writes the typed lines of each split."""

    source: Root
    objects: tuple[Object, ...]
    splits: tuple[Split, ...]
    bucket: Root
    run: JobRun
    token: str

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        split = self.splits[number]
        file = self.objects[split.file_no]
        stretch = Stretch(0, blocks_of(self.source.open(), file, split), split.line)
        with task_session() as session:
            rows = typed_lines(
                session, [stretch], [file.name], self.run.job.job_type, split.end - split.start
            )
            yield written(self.bucket, _frame(self.run, rows), self.token, number)


def _frame(run: JobRun, rows: Iterator[pa.RecordBatch]) -> Frame:
    return Frame(SCHEMA, rows, layout.stage(run, ASSET))


def raw_lines(spark: SparkSession, bucket: Storage, run: JobRun, source: Source, split_bytes: int) -> Frame:
    """As `assets.raw_lines`."""
    there, objects = root_of(source.storage), source.files

    def spread(token: str) -> list[Written]:
        splits = tuple(_with_lines(spark, there, objects, splits_of(objects, split_bytes)))
        typing = _Typing(there, objects, splits, root_of(bucket), run, token)
        return files(pieces(spark, len(splits), typing, TOLD))

    manifest = {"source": source.uri, SOURCE_VERSION: source.version}
    return replace(_frame(run, iter(())), manifest=manifest, spread=spread)


def _with_lines(
    spark: SparkSession, there: Root, objects: tuple[Object, ...], splits: list[Split]
) -> list[Split]:
    """Splits with their first lines; only files of several splits are read for it."""
    of_parts = tuple(split for split in splits if split.end < objects[split.file_no].size)
    counted = table(
        pieces(spark, len(of_parts), _Counting(there, objects, of_parts), "number bigint, lines bigint")
    )
    rows = zip(counted["number"].to_pylist(), counted["lines"].to_pylist(), strict=True)
    lines = {of_parts[number]: count for number, count in rows}
    return numbered(splits, [lines.get(split, 0) for split in splits])
