"""The lines that carry no recommendation: those of a file of `batch_inference_raw` at a time, by `engine.input_errors`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import duckdb
import pyarrow as pa
from pyspark.sql import SparkSession

from personalize_connectors.assets.error_lines import error_lines as lines_of
from personalize_connectors.engine.batch_output import SCHEMA as RAW
from personalize_connectors.engine.frame import Frame, Written
from personalize_connectors.engine.input_errors import SCHEMA
from personalize_connectors.folders import Folder
from personalize_connectors.job_run import JobRun
from personalize_connectors.spark.root import Stage, stage_of
from personalize_connectors.spark.work import TOLD, files, pieces, task_session, written


@dataclass(frozen=True)
class _SettingAside:
    """Writes the error lines of each file."""

    raw: Stage
    run: JobRun
    kept: bool
    token: str

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        with task_session() as session:
            scan = self.raw.file(number).scan()
            frame = lines_of(session, self.run, scan, SCHEMA.empty_table(), kept=self.kept)
            yield written(self.raw.root, frame, self.token, number)


def error_lines(
    spark: SparkSession,
    session: duckdb.DuckDBPyConnection,
    run: JobRun,
    raw: Folder,
    others: pa.Table,
    *,
    kept: bool,
) -> Frame:
    """As `assets.error_lines`; the lines of the other inputs are written on the driver."""
    stage = stage_of(raw)

    def spread(token: str) -> list[Written]:
        return files(pieces(spark, len(stage), _SettingAside(stage, run, kept, token), TOLD))

    return replace(lines_of(session, run, RAW.empty_table(), others, kept=kept), spread=spread)
