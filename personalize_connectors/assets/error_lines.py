"""The lines that carry no recommendation and those of the other inputs, to be written: the core of `inference_errors`."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from personalize_connectors import layout
from personalize_connectors.engine.frame import Frame, Lines, batches
from personalize_connectors.engine.input_errors import SCHEMA, error_rows
from personalize_connectors.job_run import JobRun

ASSET = "inference_errors"


def error_lines(
    session: duckdb.DuckDBPyConnection, run: JobRun, raw: object, others: pa.Table, *, kept: bool
) -> Frame:
    """The error lines of a scan of `batch_inference_raw` and those of the other inputs, lazily, for the folder of a run.

    Where they are kept, each also as a line of JSON below errors/.
    """
    schema = SCHEMA.append(pa.field("record", pa.binary())) if kept else SCHEMA
    rows = batches(error_rows(session, raw, others, with_record=kept), schema)
    lines = Lines("record", layout.errors(run), "none") if kept else None
    return Frame(schema, rows, layout.stage(run, ASSET), lines=lines)
