"""How the users of a run stand to what the destination last accepted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from personalize_connectors.engine.session import number

# What is accepted of a user whose attributes were unset, in place of a fingerprint.
REMOVED = b""
_EMPTY = "''::BLOB"


@dataclass(frozen=True)
class DeltaCounts:
    """How this run's users stand to what the destination last accepted.

    Attributes:
        added: Not accepted before.
        changed: Accepted with another fingerprint, or sent without an answer.
        unchanged: Accepted with this fingerprint.
        held: Rejected with this fingerprint in this run already; a dead letter.
        missing: Accepted before, not among this run's users, and no line of theirs was an error.
        removed: Those of them that are to be unset.
        accepted: Accepted before, in all.
        points: What sending the added, changed and removed users is billed.
        points_saved: What sending the unchanged ones again would be billed.
    """

    added: int
    changed: int
    unchanged: int
    held: int
    missing: int
    removed: int
    accepted: int
    points: int
    points_saved: int


@dataclass(frozen=True)
class Compared:
    """What is compared: relations with `user_id`, and what users cost.

    Attributes:
        current: This run's users: `place`, `fingerprint`, `points`, and `points_if_known` where they were accepted before.
        accepted: What was accepted: `fingerprint`, null where nobody knows.
        rejected: What this run had rejected already: `fingerprint`; of a user perhaps several, and some of them twice.
        present: Who counts as present though this run has no list for them.
        points_of_removal: What unsetting a user costs.
    """

    current: duckdb.DuckDBPyRelation
    accepted: duckdb.DuckDBPyRelation
    rejected: duckdb.DuckDBPyRelation
    present: duckdb.DuckDBPyRelation
    points_of_removal: int = 0


def compare(
    session: duckdb.DuckDBPyConnection, what: Compared, table: str, *, most_removed: float | None = None
) -> DeltaCounts:
    """Leave a table of `place`, `user_id`, `fingerprint`, `points`, `change`: `added`, `changed`, `unchanged`, `held`, `removed`.

    `place` is that of the user in this run; users who are removed have none. `known` says whether a user was accepted before.

    Users who are missing are removed if they are at most the share `most_removed` of those accepted; without one, never.
    """
    for name in ("current", "accepted", "rejected", "present"):
        getattr(what, name).create_view(name, replace=True)
    session.execute(
        f"""
        CREATE OR REPLACE TABLE "{table}" AS
        SELECT place, user_id, coalesce(current.fingerprint, {_EMPTY}) AS fingerprint, CASE WHEN place IS NULL THEN {what.points_of_removal}
          WHEN accepted.user_id IS NULL THEN points ELSE points_if_known END AS points, CASE
          WHEN place IS NULL THEN 'missing'
          WHEN accepted.fingerprint = current.fingerprint THEN 'unchanged'
          WHEN (current.user_id, current.fingerprint) IN (SELECT (user_id, fingerprint) FROM rejected) THEN 'held'
          WHEN accepted.user_id IS NULL THEN 'added' ELSE 'changed' END AS change, accepted.user_id IS NOT NULL AS known
        FROM current FULL JOIN accepted USING (user_id)
        """
    )
    accepted = number(session, f'SELECT count(*) FROM "{table}" WHERE known')
    missing = _missing(session, table)
    if missing and most_removed is not None and missing <= most_removed * accepted:
        session.execute(
            f"""
            UPDATE "{table}" SET change = CASE WHEN user_id IN (SELECT user_id FROM rejected WHERE fingerprint = {_EMPTY})
              THEN 'held' ELSE 'removed' END WHERE change = 'missing'
            """
        )
    else:
        session.execute(f"""DELETE FROM "{table}" WHERE change = 'missing'""")
    return _counts(session, table, missing, accepted)


def _missing(session: duckdb.DuckDBPyConnection, table: str) -> int:
    """How many users are missing, once those who count as present are none of the table's."""
    counted = f"""SELECT count(*) FROM "{table}" WHERE change = 'missing'"""
    if number(session, counted):
        session.execute(
            f"""DELETE FROM "{table}" WHERE change = 'missing' AND user_id IN (SELECT user_id FROM present)"""
        )
    return number(session, counted)


def _counts(session: duckdb.DuckDBPyConnection, table: str, missing: int, accepted: int) -> DeltaCounts:
    rows = session.execute(
        f'SELECT change, count(*), sum(points)::BIGINT FROM "{table}" GROUP BY change'
    ).fetchall()
    return delta_counts(rows, missing, accepted)


def delta_counts(rows: Iterable[tuple[str, int, int]], missing: int, accepted: int) -> DeltaCounts:
    """The counts out of each change with its number of records and what they are billed."""
    rows = list(rows)
    counts = {change: count for change, count, _ in rows}
    billed = {change: points for change, _, points in rows}
    return DeltaCounts(
        added=counts.get("added", 0),
        changed=counts.get("changed", 0),
        unchanged=counts.get("unchanged", 0),
        held=counts.get("held", 0),
        missing=missing,
        removed=counts.get("removed", 0),
        accepted=accepted,
        points=sum(billed.get(change, 0) for change in ("added", "changed", "removed")),
        points_saved=billed.get("unchanged", 0),
    )
