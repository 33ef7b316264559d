"""One row per user out of the typed lines: the rows of `user_recommendations`.

Columns: `user_id`, `items` (ids in rank order, at most the longest list a user gets), `scores` (where the recipe gives
them), `queries` (the query items whose lists the user got; related items only).
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from personalize_connectors.engine.session import number, query

SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("items", pa.list_(pa.string())),
        ("scores", pa.list_(pa.float64())),
        ("queries", pa.list_(pa.string())),
    ]
)


@dataclass(frozen=True)
class LastLines:
    """The readable lines with each query once, and how many earlier lines of the same query were left out."""

    relation: duckdb.DuckDBPyRelation
    repeated: int


def last_lines(session: duckdb.DuckDBPyConnection, raw: object) -> LastLines:
    """Keep the last line of each query (files by name, then line); `raw` is a scan of `batch_inference_raw`."""
    session.register("raw", raw)
    session.execute(
        """
        CREATE OR REPLACE TEMP TABLE repeated AS
        SELECT query, max((file, line)) AS last, count(*) - 1 AS earlier FROM raw WHERE reason IS NULL
        GROUP BY query HAVING count(*) > 1
        """
    )
    repeated = number(session, "SELECT coalesce(sum(earlier), 0)::BIGINT FROM repeated")
    kept = "SELECT query, recommended, scores FROM raw WHERE reason IS NULL"
    if repeated:
        kept = """
        SELECT query, recommended, scores FROM raw LEFT JOIN repeated USING (query)
        WHERE reason IS NULL AND (last IS NULL OR last = (file, line))
        """
    return LastLines(session.sql(kept), repeated)


def of_users(lines: LastLines, longest: int) -> duckdb.DuckDBPyRelation:
    """User personalization and personalized ranking: the query is the user."""
    return lines.relation.project(
        f"""query AS user_id, recommended[:{longest}] AS items, scores[:{longest}]::DOUBLE[] AS scores,
        NULL::VARCHAR[] AS queries"""
    )


def of_segments(lines: LastLines, longest: int) -> duckdb.DuckDBPyRelation:
    """User segmentation: each user gets the queries whose segment names them, best rank first, then by query."""
    return query(
        lines.relation,
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
