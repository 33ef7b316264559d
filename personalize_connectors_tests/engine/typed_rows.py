"""The typed rows of a batch output, as plain tuples."""

import pyarrow as pa

from personalize_connectors.engine.batch_output import SCHEMA, typed_lines
from personalize_connectors.engine.lines import line_batches

PERSONAL = "user_personalization"


def rows(session, content, job_type=PERSONAL):
    """The typed rows of one file."""
    raw = content if isinstance(content, bytes) else content.encode()
    names = ("file", "line", "query", "recommended", "scores", "extra", "reason", "message", "text")
    found = pa.Table.from_batches(
        typed_lines(session, line_batches([[raw]]), ["users.json.out"], job_type), SCHEMA
    )
    return [tuple(row[name] for name in names) for row in found.sort_by("line").to_pylist()]
