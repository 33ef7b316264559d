"""The users whose fingerprint differs from what was last accepted."""

import pyarrow as pa
import pytest

from personalize_connectors.engine.delta import Compared, DeltaCounts, compare

CURRENT = pa.schema(
    [
        ("place", pa.int64()),
        ("user_id", pa.string()),
        ("fingerprint", pa.binary()),
        ("points", pa.int64()),
        ("points_if_known", pa.int64()),
    ]
)
DIGESTS = pa.schema([("user_id", pa.string()), ("fingerprint", pa.binary())])


def run(session, current, accepted, rejected=None, present=(), most_removed=None, **points):
    """The counts, and fingerprint, points and change of each user."""
    rows = [
        (place, user, digest, cost, *(known or [cost]))
        for place, (user, (digest, cost, *known)) in enumerate(current.items())
    ]
    now = pa.Table.from_pylist([dict(zip(CURRENT.names, row, strict=True)) for row in rows], schema=CURRENT)
    rejected = rejected or {}
    what = Compared(
        current=session.from_arrow(now),
        accepted=session.from_arrow(pa.table([list(accepted), list(accepted.values())], schema=DIGESTS)),
        rejected=session.from_arrow(
            pa.table([2 * list(rejected), 2 * list(rejected.values())], schema=DIGESTS)
        ),
        present=session.from_arrow(pa.table({"user_id": pa.array(present, pa.string())})),
        **points,
    )
    counts = compare(session, what, "delta_test", most_removed=most_removed)
    found = session.execute('SELECT user_id, fingerprint, points, change FROM "delta_test"').fetchall()
    assert len(found) == len({user for user, *_ in found})
    places = dict(session.execute('SELECT user_id, place FROM "delta_test"').fetchall())
    assert {user: place for user, place in places.items() if place is not None} == {
        user: place for place, user in enumerate(current)
    }
    return counts, {user: tuple(row) for user, *row in found}


def counts(**some):
    """Counts, zero but for some."""
    return DeltaCounts(**(dict.fromkeys(DeltaCounts.__dataclass_fields__, 0) | some))


def test_users_are_added_changed_or_unchanged(session):
    """Each user of the run stands to the accepted fingerprints in one way, counted with what it is billed."""
    current = {"new": (b"1", 5), "same": (b"2", 7), "other": (b"3", 11), "é|": (b"4", 13)}
    accepted = {"same": b"2", "other": b"x", "gone": b"5", "left": b"6", "é|": b"4"}
    assert run(session, current, accepted) == (
        counts(added=1, changed=1, unchanged=2, missing=2, accepted=5, points=16, points_saved=20),
        {
            "new": (b"1", 5, "added"),
            "same": (b"2", 7, "unchanged"),
            "other": (b"3", 11, "changed"),
            "é|": (b"4", 13, "unchanged"),
        },
    )


def test_the_first_run_adds_everybody(session):
    """Where nothing was accepted every user is new."""
    assert run(session, {"u": (b"1", 1), "v": (b"1", 2)}, {}) == (
        counts(added=2, points=3),
        {"u": (b"1", 1, "added"), "v": (b"1", 2, "added")},
    )


def test_a_run_without_users_misses_everybody(session):
    """Where the run has no users all that were accepted are missing."""
    assert run(session, {}, {"u": b"1"}) == (counts(missing=1, accepted=1), {})


def test_who_is_uncertain_is_changed(session):
    """A user for whom no fingerprint stands is sent, as one who was delivered before."""
    assert run(session, {"u": (b"1", 3, 8)}, {"u": None}) == (
        counts(changed=1, accepted=1, points=8),
        {"u": (b"1", 8, "changed")},
    )


def test_what_was_rejected_in_this_run_is_held(session):
    """A record that the destination rejected is not sent again while it is the same; another one of the user is."""
    found = run(
        session,
        {"same": (b"1", 1), "other": (b"2", 2), "was": (b"3", 4), "ok": (b"4", 8)},
        {"was": b"0", "ok": b"4"},
        {"same": b"1", "other": b"1", "was": b"3", "ok": b"4"},
    )
    assert found[0] == counts(added=1, held=2, unchanged=1, accepted=2, points=2, points_saved=8)
    assert {user: change for user, (*_, change) in found[1].items()} == {
        "same": "held",
        "other": "added",
        "was": "held",
        "ok": "unchanged",
    }


def test_who_had_an_error_is_not_missing(session):
    """Users whose line was an error count as present."""
    assert run(session, {}, {"u": b"1", "v": b"1"}, present=["u", "w"])[0] == counts(missing=1, accepted=2)


def test_a_removal_that_this_run_had_rejected_is_held(session):
    """Who is missing and whose removal this run had rejected is not removed again; a rejected record of theirs is none."""
    current, accepted = {"a": (b"1", 2)}, {"a": b"1", "b": b"1", "c": b"1"}
    counts, rows = run(session, current, accepted, {"b": b"", "c": b"1"}, most_removed=1.0)
    assert (counts.missing, counts.held, counts.removed) == (2, 1, 1)
    assert {user: rows[user][2] for user in "bc"} == {"b": "held", "c": "removed"}


@pytest.mark.parametrize(("most", "removed"), [(None, 0), (0.0, 0), (0.24, 0), (0.25, 1), (1.0, 1)])
def test_missing_users_are_removed_up_to_a_share(session, most, removed):
    """Missing users get an empty fingerprint and what unsetting costs, all or none of them, by their share of the accepted."""
    accepted = dict.fromkeys("abcd", b"1")
    current = dict.fromkeys("abc", (b"1", 1))
    found = run(session, current, accepted, most_removed=most, points_of_removal=7)
    assert found[0] == counts(
        unchanged=3, missing=1, removed=removed, accepted=4, points=7 * removed, points_saved=3
    )
    assert found[1].get("d") == ((b"", 7, "removed") if removed else None)
