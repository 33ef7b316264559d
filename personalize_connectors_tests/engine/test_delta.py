"""The users whose fingerprint differs from what was last accepted."""

import pyarrow as pa

from personalize_connectors.engine.delta import DeltaCounts, compare

CURRENT = pa.schema([("user_id", pa.string()), ("fingerprint", pa.binary()), ("points", pa.int64())])
ACCEPTED = pa.schema([("user_id", pa.string()), ("fingerprint", pa.binary())])


def run(session, current, accepted):
    """The counts, and the change of each user."""
    rows = [(user, digest, points) for user, (digest, points) in current.items()]
    now = pa.Table.from_pylist([dict(zip(CURRENT.names, row, strict=True)) for row in rows], schema=CURRENT)
    before = pa.table([list(accepted), list(accepted.values())], schema=ACCEPTED)
    counts = compare(session, session.from_arrow(now), session.from_arrow(before), "delta_test")
    found = session.execute('SELECT user_id, fingerprint, points, change FROM "delta_test"').fetchall()
    assert {row[:3] for row in found} == set(rows)
    return counts, {user: change for user, _, _, change in found}


def test_users_are_added_changed_or_unchanged(session):
    """Each user of the run stands to the accepted fingerprints in one way, counted with what it is billed."""
    current = {"new": (b"1", 5), "same": (b"2", 7), "other": (b"3", 11), "é|": (b"4", 13)}
    accepted = {"same": b"2", "other": b"x", "gone": b"5", "left": b"6", "é|": b"4"}
    assert run(session, current, accepted) == (
        DeltaCounts(added=1, changed=1, unchanged=2, missing=2, points=16, points_saved=20),
        {"new": "added", "same": "unchanged", "other": "changed", "é|": "unchanged"},
    )


def test_the_first_run_adds_everybody(session):
    """Where nothing was accepted every user is new."""
    assert run(session, {"u": (b"1", 1), "v": (b"1", 2)}, {}) == (
        DeltaCounts(added=2, changed=0, unchanged=0, missing=0, points=3, points_saved=0),
        {"u": "added", "v": "added"},
    )


def test_a_run_without_users_misses_everybody(session):
    """Where the run has no users all that were accepted are missing."""
    assert run(session, {}, {"u": b"1"}) == (DeltaCounts(0, 0, 0, 1, 0, 0), {})
