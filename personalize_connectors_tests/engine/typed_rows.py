"""The typed rows of a batch output, as plain tuples."""

from personalize_connectors.engine.batch_output import typed_lines
from personalize_connectors.engine.lines import stretches

PERSONAL = "user_personalization"


NAMES = ("file", "line", "query", "recommended", "scores", "extra", "reason", "message", "text")
# So few bytes that each line is judged, and so many that the plain ones are read by compiled code.
FEW, MANY = 0, 1 << 30


def rows(session, content, job_type=PERSONAL):
    """The typed rows of one file, which are the same however many bytes there are."""
    few, many = (_rows(session, content, job_type, size) for size in (FEW, MANY))
    assert few == many
    return many


def _rows(session, content, job_type, size):
    raw = content if isinstance(content, bytes) else content.encode()
    typed = typed_lines(session, stretches([[raw]]), ["users.json.out"], job_type, size)
    found = [row for batch in typed for row in batch.to_pylist()]
    assert all(tuple(row) == NAMES for row in found)
    return sorted((tuple(row.values()) for row in found), key=lambda row: row[1])
