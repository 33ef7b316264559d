"""The users whose fingerprint differs from what the destination last accepted."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from personalize_connectors.engine.session import number


@dataclass(frozen=True)
class DeltaCounts:
    """How this run's users stand to what the destination last accepted.

    Attributes:
        added: Not accepted before.
        changed: Accepted with another fingerprint.
        unchanged: Accepted with this fingerprint.
        missing: Accepted before, not among this run's users.
        points: What sending the added and changed users is billed.
        points_saved: What sending the unchanged ones again would be billed.
    """

    added: int
    changed: int
    unchanged: int
    missing: int
    points: int
    points_saved: int


def compare(
    session: duckdb.DuckDBPyConnection,
    fingerprints: duckdb.DuckDBPyRelation,
    accepted: duckdb.DuckDBPyRelation,
    table: str,
    points_if_known: int | None = None,
) -> DeltaCounts:
    """Compare `user_id`, `fingerprint`, `points` of this run with the fingerprints accepted.

    Leaves a table of every user of the run with `fingerprint`, `points` and `change` (`added`, `changed`, `unchanged`).
    `points_if_known` is what a user costs who was accepted before, where that differs.
    """
    accepted.create_view("accepted", replace=True)
    fingerprints.create_view("current", replace=True)
    points = "points" if points_if_known is None else str(points_if_known)
    session.execute(
        f"""
        CREATE OR REPLACE TABLE "{table}" AS
        SELECT current.user_id, current.fingerprint,
          CASE WHEN accepted.user_id IS NULL THEN points ELSE {points} END AS points, CASE
          WHEN accepted.user_id IS NULL THEN 'added'
          WHEN accepted.fingerprint = current.fingerprint THEN 'unchanged' ELSE 'changed' END AS change
        FROM current LEFT JOIN accepted USING (user_id)
        """
    )
    rows = session.execute(
        f'SELECT change, count(*), sum(points)::BIGINT FROM "{table}" GROUP BY change'
    ).fetchall()
    counts = {change: number for change, number, _ in rows}
    billed = {change: number for change, _, number in rows}
    missing = number(session, f'SELECT count(*) FROM accepted ANTI JOIN "{table}" USING (user_id)')
    return DeltaCounts(
        added=counts.get("added", 0),
        changed=counts.get("changed", 0),
        unchanged=counts.get("unchanged", 0),
        missing=missing,
        points=billed.get("added", 0) + billed.get("changed", 0),
        points_saved=billed.get("unchanged", 0),
    )
