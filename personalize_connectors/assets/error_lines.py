"""The lines that carry no recommendation and those of the other inputs, to be written: the core of `inference_errors`."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from personalize_connectors import layout
from personalize_connectors.engine.frame import Frame, Lines, batches
from personalize_connectors.engine.input_errors import SCHEMA, error_rows
from personalize_connectors.folders import Folder
from personalize_connectors.job_run import JobRun

ASSET = "inference_errors"
_WITH_RECORD = SCHEMA.append(pa.field("record", pa.binary()))


def error_lines(
    session: duckdb.DuckDBPyConnection, run: JobRun, raw: Folder, others: pa.Table, *, kept: bool
) -> Frame:
    """The error lines, lazily, for the folder of a run; where they are kept, each also as a line of JSON below errors/."""
    rows = error_rows(session, raw.scan(), others, with_record=kept)
    return errors_frame(run, batches(rows, _WITH_RECORD if kept else SCHEMA), kept=kept)


def errors_frame(run: JobRun, rows: Iterator[pa.RecordBatch], *, kept: bool) -> Frame:
    """Rows of `engine.input_errors`, for the folder of a run."""
    lines = Lines("record", layout.errors(run), "none") if kept else None
    return Frame(_WITH_RECORD if kept else SCHEMA, rows, layout.stage(run, ASSET), lines=lines)
