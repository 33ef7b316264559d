"""One row per user out of the typed lines: the rows of `user_recommendations`.

Columns: `user_id`, `items` (ids in rank order, at most the longest list a user gets), `scores` (where the recipe gives
them), `queries` (the query items whose lists the user got; related items only).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from personalize_connectors.engine.session import number, query, quoted

SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("items", pa.list_(pa.string())),
        ("scores", pa.list_(pa.float64())),
        ("queries", pa.list_(pa.string())),
    ]
)


_SEGMENTS = pa.schema([("query", pa.string()), ("recommended", pa.list_(pa.string()))])

# What of the typed lines is read for users and segments.
COLUMNS = ("file", "line", "query", "recommended", "scores", "reason")


@dataclass(frozen=True)
class LastLines:
    """Which of the readable lines count: the last of each query.

    Attributes:
        queries: The queries that stand in several lines.
        last: `file` and `line` of the last line of each of them, joined by `BETWEEN`.
        repeated: How many earlier lines there are, which are left out.
    """

    queries: pa.Array
    last: pa.Array
    repeated: int


BETWEEN = "\x1f"


def last_lines(session: duckdb.DuckDBPyConnection, raw: object) -> LastLines:
    """Find the last line of each query (files by name, then line); `raw` is a scan of `batch_inference_raw`."""
    session.register("raw", raw)
    # Most batch outputs repeat none, which takes half as long to find as the last lines of all.
    counted = "SELECT query, count(*) AS lines FROM raw WHERE reason IS NULL GROUP BY query HAVING lines > 1"
    repeated = session.sql(counted).to_arrow_table()
    if not len(repeated):
        return LastLines(pa.array([], pa.string()), pa.array([], pa.string()), 0)
    session.register("repeated", repeated)
    found = session.sql(
        f"""
        SELECT query, concat(last.file, {quoted(BETWEEN)}, last.line) AS place FROM (
          SELECT query, max({{'file': file, 'line': line}}) AS last FROM raw SEMI JOIN repeated USING (query)
          WHERE reason IS NULL GROUP BY query
        )
        """
    ).to_arrow_table()
    queries, last = (found[name].combine_chunks() for name in ("query", "place"))
    return LastLines(queries, last, pc.sum(repeated["lines"]).as_py() - len(repeated))


def readable(lines: Iterable[pa.RecordBatch], last: LastLines) -> Iterator[pa.RecordBatch]:
    """The lines (`COLUMNS`) that carry recommendations, each query once."""
    for batch in lines:
        wanted = pc.is_null(batch["reason"])
        if last.repeated:
            again = pc.is_in(batch["query"], value_set=last.queries)
            place = pc.binary_join_element_wise(batch["file"], batch["line"].cast(pa.string()), BETWEEN)
            wanted = pc.and_(wanted, pc.or_(pc.invert(again), pc.is_in(place, value_set=last.last)))
        yield batch if pc.all(wanted).as_py() else batch.filter(wanted)


def of_users(lines: Iterable[pa.RecordBatch], longest: int) -> Iterator[pa.RecordBatch]:
    """User personalization and personalized ranking: the query is the user."""
    for batch in lines:
        queries = pa.nulls(len(batch), SCHEMA.field("queries").type)
        lists = [_cut(batch[name], longest) for name in ("recommended", "scores")]
        yield pa.record_batch([batch["query"], *lists, queries], names=SCHEMA.names)


def lists_of_users(lines: pa.RecordBatch, longest: int) -> pa.RecordBatch:
    """The same of typed lines, as if no query stood in several of them."""
    some_are_errors = lines["reason"].null_count < len(lines)
    return next(of_users([lines.filter(pc.is_null(lines["reason"])) if some_are_errors else lines], longest))


def _cut(lists: pa.ListArray, longest: int) -> pa.ListArray:
    """The beginning of each list."""
    most = pc.max(pc.list_value_length(lists)).as_py()
    return lists if most is None or most <= longest else pc.list_slice(lists, 0, longest)


def of_segments(
    session: duckdb.DuckDBPyConnection, lines: Iterator[pa.RecordBatch], longest: int
) -> duckdb.DuckDBPyRelation:
    """User segmentation: each user gets the queries whose segment names them, best rank first, then by query."""
    return query(
        session.from_arrow(
            pa.RecordBatchReader.from_batches(_SEGMENTS, (batch.select(_SEGMENTS.names) for batch in lines))
        ),
        "segments",
        f"""
        WITH members AS (
          SELECT query, unnest(recommended) AS user_id, generate_subscripts(recommended, 1) AS rank FROM segments
        ), ranked AS (SELECT query, user_id, min(rank) AS rank FROM members GROUP BY query, user_id)
        SELECT user_id, list(query ORDER BY rank, query)[:{longest}] AS items, NULL::DOUBLE[] AS scores,
          NULL::VARCHAR[] AS queries
        FROM ranked GROUP BY user_id
        """,
    )


def users_with_errors(session: duckdb.DuckDBPyConnection, job_type: str) -> duckdb.DuckDBPyRelation:
    """The users whose line was an error (`user_id`): they are not gone. After `last_lines`, and the mapping of related items."""
    errors = "SELECT DISTINCT query FROM raw WHERE reason IS NOT NULL AND query IS NOT NULL"
    if job_type == "related_items":
        return session.sql(f"SELECT DISTINCT user_id FROM mapping JOIN ({errors}) ON mapping.item_id = query")
    if job_type == "user_segmentation":
        errors += " AND false"  # a query names no user
    return session.sql(f"SELECT query AS user_id FROM ({errors})")


def lines_naming_nobody(session: duckdb.DuckDBPyConnection, job_type: str) -> int:
    """Error lines that can hide users who are not gone, for nobody knows whose they are. After `last_lines`."""
    nameless = "" if job_type == "user_segmentation" else "AND query IS NULL"
    return number(session, f"SELECT count(*) FROM raw WHERE reason IS NOT NULL {nameless}")


def error_reasons(session: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """The error lines by reason, most first. After `last_lines`."""
    rows = session.execute(
        "SELECT reason, count(*) AS n FROM raw WHERE reason IS NOT NULL GROUP BY reason ORDER BY n DESC, reason"
    ).fetchall()
    return dict(rows)
