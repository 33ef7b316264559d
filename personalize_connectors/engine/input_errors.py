"""Lines that cannot be used, of all inputs: the rows of `inference_errors`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

SCHEMA = pa.schema(
    [
        ("input", pa.string()),
        ("file", pa.string()),
        ("line", pa.int64()),
        ("reason", pa.string()),
        ("message", pa.string()),
        ("text", pa.string()),
    ]
)

_RECORD = """
encode(json_object('input', input, 'file', file, 'line', line, 'reason', reason, 'message', message, 'text', text)::VARCHAR
  || chr(10)) AS record
"""


@dataclass(frozen=True)
class InputErrors:
    """What was set aside, counted; the reasons are those of the batch output."""

    by_reason: dict[str, int]
    batch_lines: int
    metadata_lines: int
    mapping_rows: int
    first: list[tuple[Any, ...]]


def error_rows(
    session: duckdb.DuckDBPyConnection, raw: object, others: pa.Table, *, with_record: bool
) -> duckdb.DuckDBPyRelation:
    """The error lines of a scan of `batch_inference_raw`, then those of the other inputs (in the columns of `SCHEMA`).

    With `record`, each row as one line of JSON.
    """
    session.register("raw", raw)
    session.register("others", others)
    return session.sql(
        f"""
        SELECT *{"," + _RECORD if with_record else ""} FROM (
          SELECT 'batch_output' AS input, file, line, reason, message, text FROM raw WHERE reason IS NOT NULL
          UNION ALL SELECT * FROM others
        )
        """
    )


def input_errors(session: duckdb.DuckDBPyConnection, rows: object) -> InputErrors:
    """Count a scan of `inference_errors`."""
    session.register("error_rows", rows)
    reasons = session.execute(
        "SELECT reason, count(*) AS n FROM error_rows WHERE input = 'batch_output' GROUP BY reason ORDER BY n DESC, reason"
    ).fetchall()
    inputs = dict(session.execute("SELECT input, count(*) FROM error_rows GROUP BY input").fetchall())
    first = session.execute("SELECT * FROM error_rows LIMIT 5").fetchall()
    return InputErrors(
        by_reason=dict(reasons),
        batch_lines=inputs.get("batch_output", 0),
        metadata_lines=inputs.get("item_metadata", 0),
        mapping_rows=inputs.get("user_item_mapping", 0),
        first=first,
    )
