"""What the destination last accepted: the newest snapshot and the receipts behind it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from personalize_connectors import layout
from personalize_connectors.delivery.state import (
    PENDING,
    SCHEMA,
    Accepted,
    accepted_state,
    find_accepted,
    not_in_state,
    pending,
    perhaps_billed_twice,
    refuse_older,
    rejected_in_run,
)
from personalize_connectors.delivery.write_ahead import PLAN
from personalize_connectors.engine.frame import Frame
from personalize_connectors.errors import OlderRun
from personalize_connectors.folders import write_frames
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors_tests.delivery.receipt_rows import NOON, leave, receipts

JOB = Job("user_personalization", "daily")
FIRST, SECOND = (JobRun(JOB, datetime(2026, 11, day, 3, tzinfo=UTC)) for day in (21, 22))


def deliver(bucket, run, *rows, **more):
    """Leave receipts of a run."""
    leave(bucket, layout.delivered_run(run, "braze", "receipts"), receipts(*rows, **more))


def plan(bucket, run, *users, minute=0, delivery="d"):
    """Leave a plan of what a delivery is about to send."""
    at = NOON + timedelta(minutes=minute)
    rows = [
        {"user_id": user, "fingerprint": b"?", "points": 1, "delivery": delivery, "request": f"{delivery}-0"}
        for user in users
    ]
    table = pa.Table.from_pylist([{**row, "planned_at": at} for row in rows], PLAN)
    leave(bucket, layout.delivered_run(run, "braze", "in_flight"), table, delivery)


def snapshot(bucket, run, rows, *, folded=True):
    """Write a state that holds these users and, unless told otherwise, the receipts there are."""
    found = find_accepted(bucket, JOB, "braze")
    table = pa.Table.from_pylist(
        [{"user_id": user, "fingerprint": digest, "accepted_at": NOON} for user, digest in rows.items()],
        SCHEMA,
    )
    folder = layout.delivered_run(run, "braze", "state")
    manifest = {"folded": found.receipts if folded else ()}
    frame = Frame(SCHEMA, iter(table.to_batches()), folder, manifest=manifest, replaces_last=True)
    return write_frames(bucket, [frame])[folder]


def state(session, bucket):
    """User to fingerprint, as last accepted."""
    found = accepted_state(session, bucket, find_accepted(bucket, JOB, "braze"))
    return {user: digest for user, digest, _ in found.fetchall()}


def test_at_first_nothing_was_accepted(session, bucket):
    """Without receipts and snapshots the state is empty."""
    assert state(session, bucket) == {}


def test_receipts_are_state_before_they_are_folded(session, bucket):
    """What was accepted counts from its receipt on, the last one of each user; rejections change nothing."""
    deliver(bucket, FIRST, ("u", b"1"), ("v", b"1"), ("w", b"1", "rejected"))
    deliver(bucket, SECOND, ("u", b"2"), ("v", b"2", "rejected"), minute=1)
    assert state(session, bucket) == {"u": b"2", "v": b"1"}


def test_a_record_that_was_never_answered_makes_its_user_uncertain(session, bucket):
    """After an unknown outcome no fingerprint stands for the user, until something is accepted again; also once it is folded."""
    deliver(bucket, FIRST, ("u", b"1"), ("v", b"1"))
    deliver(bucket, SECOND, ("u", b"2", "unknown"), ("v", b"2", "unknown"), ("w", b"1", "unknown"), minute=1)
    deliver(bucket, SECOND, ("v", b"3"), minute=2)
    assert state(session, bucket) == {"u": None, "v": b"3", "w": None}
    snapshot(bucket, SECOND, {"u": None, "v": b"3", "w": None})
    deliver(bucket, SECOND, ("w", b"2"), minute=3)
    assert state(session, bucket) == {"u": None, "v": b"3", "w": b"2"}


def test_what_is_in_flight_is_uncertain(session, bucket):
    """Users of a delivery that did not end are uncertain, but for those who have a receipt of it."""
    deliver(bucket, FIRST, ("u", b"1"), ("v", b"1"), ("w", b"1"), delivery="old")
    plan(bucket, SECOND, "u", "v", "w", "new", minute=1)
    deliver(bucket, SECOND, ("v", b"2"), ("w", b"2", "rejected"), minute=2)
    assert state(session, bucket) == {"u": None, "v": b"2", "w": b"1", "new": None}


def test_a_user_whose_attributes_were_unset_is_not_in_the_state(session, bucket):
    """A removal that was accepted ends what was accepted before; who comes back is accepted anew."""
    deliver(bucket, FIRST, ("u", b"1"), ("v", b"1"))
    deliver(bucket, SECOND, ("u", b""), ("v", b""), minute=1)
    deliver(bucket, SECOND, ("v", b"2"), minute=2)
    assert state(session, bucket) == {"v": b"2"}


def test_the_snapshot_is_joined_with_later_receipts(session, bucket):
    """Receipts that the snapshot does not hold change it; those that it holds are not read again."""
    deliver(bucket, FIRST, ("u", b"old"), ("v", b"1"))
    snapshot(bucket, FIRST, {"u": b"1", "v": b"1", "w": b"1"})
    deliver(bucket, SECOND, ("v", b"2"), ("x", b"2"), minute=1)
    assert state(session, bucket) == {"u": b"1", "v": b"2", "w": b"1", "x": b"2"}


def test_a_late_receipt_of_an_earlier_answer_does_not_win(session, bucket):
    """Of a user's receipts the one that was answered last counts, wherever it is stored."""
    deliver(bucket, SECOND, ("u", b"new"), minute=2)
    deliver(bucket, FIRST, ("u", b"old"), minute=1)
    assert state(session, bucket) == {"u": b"new"}


def test_the_snapshot_written_last_counts(session, bucket):
    """Of several snapshots that counts which was written last, also when its run is older."""
    snapshot(bucket, SECOND, {"u": b"2"})
    snapshot(bucket, FIRST, {"u": b"1"})
    assert state(session, bucket) == {"u": b"1"}


def test_a_snapshot_without_manifest_does_not_count(session, bucket):
    """A snapshot that a run died over is not read, and the one before it still is."""
    snapshot(bucket, FIRST, {"u": b"1"})
    folder = snapshot(bucket, SECOND, {"u": b"2"})
    bucket.remove(f"{folder.path}/{layout.SUCCESS}")
    assert state(session, bucket) == {"u": b"1"}


def test_other_connectors_and_jobs_have_their_own_state(session, bucket):
    """Receipts of another job or connector change nothing here."""
    deliver(bucket, replace(FIRST, job=Job(JOB.job_type, "daily2")), ("u", b"1"))
    leave(bucket, layout.delivered_run(FIRST, "braze2", "receipts"), receipts(("u", b"1")))
    assert state(session, bucket) == {}


@pytest.mark.parametrize(
    ("kept", "missing"),
    [
        ({"u": b"2", "v": b"1"}, 0),
        ({"u": b"1", "v": b"1"}, 1),
        ({"v": b"1"}, 1),
        ({}, 2),
        ({"u": b"2", "v": b"1", "z": b""}, 0),
    ],
)
def test_counts_who_is_not_in_a_snapshot(session, bucket, kept, missing):
    """Accepted users that a new snapshot lacks, or has with an older fingerprint, are counted; not who is removed or uncertain since."""
    deliver(bucket, FIRST, ("u", b"1"), ("v", b"1"), ("w", b"1", "rejected"), ("x", b"1"), ("y", b"1"))
    deliver(bucket, FIRST, ("u", b"2"), ("x", b"2", "unknown"), ("y", b""), minute=1)
    found = find_accepted(bucket, JOB, "braze")
    assert not_in_state(session, bucket, found, snapshot(bucket, FIRST, kept)) == missing


def test_pending_is_the_delta_without_what_was_accepted_since(session, bucket):
    """Of a delta those are left whose very fingerprint was not accepted; of all users those not accepted since then."""
    deliver(bucket, SECOND, ("before", b"1"), ("gone", b"1"), ("gone since", b"1"))
    table = pa.Table.from_pylist(
        [
            {
                "user_id": user,
                "fingerprint": b"" if user.startswith("gone") else b"1",
                "points": 3,
                "items": ["a"],
                "change": "removed" if user.startswith("gone") else "added",
            }
            for user in (
                "before",
                "since",
                "rejected",
                "other",
                "open",
                "lost",
                "gone",
                "gone since",
                "gone long",
            )
        ],
        PENDING,
    )
    folder = layout.stage(SECOND, "decorated_recommendations")
    decorated = write_frames(bucket, [Frame(PENDING, iter(table.to_batches()), folder, name="braze")])[folder]
    minutes = (datetime.fromisoformat(decorated.manifest["written_at"]) - NOON) / timedelta(minutes=1) + 1
    rows = [("since", b"1"), ("rejected", b"1", "rejected"), ("other", b"2"), ("lost", b"1", "unknown")]
    deliver(bucket, SECOND, *rows, ("gone since", b""), minute=minutes)
    deliver(bucket, FIRST, ("open", b"1"), minute=minutes)
    accepted = find_accepted(bucket, JOB, "braze")

    def left(*, delta):
        found = pending(session, bucket, SECOND, decorated, "braze", accepted, delta=delta)
        assert perhaps_billed_twice(session, bucket, accepted, found) == (1, 3)
        return [user for user, *_ in found.order("user_id").fetchall()]

    assert left(delta=True) == ["gone", "lost", "other"]
    assert left(delta=False) == ["before", "gone", "lost", "other"]


def test_a_run_that_changed_nothing_counts_as_delivered(bucket):
    """The newest run is known by its state, also where it had nothing to send and left no receipts."""
    deliver(bucket, FIRST, ("u", b"1"))
    snapshot(bucket, SECOND, {"u": b"1"})
    assert find_accepted(bucket, JOB, "braze").newest_run == SECOND.run_at


def test_what_this_run_had_rejected_is_found(session, bucket):
    """Dead letters of the run are found, but for those that a redrive asks for by a part of their reason; other runs' are not."""
    deliver(bucket, FIRST, ("old", b"1", "rejected", "Email bad"))
    deliver(
        bucket, SECOND, ("u", b"1", "rejected", "Email bad"), ("v", b"1", "rejected", "too long"), ("w", b"1")
    )
    deliver(bucket, SECOND, ("local", b"1", "rejected", "rule"), attempt=0)
    accepted = find_accepted(bucket, JOB, "braze")

    def found(redrive=None):
        rows = rejected_in_run(session, bucket, SECOND, accepted, redrive=redrive).fetchall()
        return sorted(user for user, _ in rows)

    assert (found(), found("email"), found("")) == (["u", "v"], ["v"], [])


def test_what_deliveries_sent_twice_before_they_died_is_counted(session, bucket):
    """Records that were sent again since the last state count, whoever sent them; one that was never sent again does not."""
    deliver(bucket, FIRST, ("u", b"1", "unknown"), ("v", b"1", "unknown"), ("w", b"1", "unknown"))
    deliver(bucket, FIRST, ("u", b"1"), ("v", b"2"), minute=1)
    again = receipts(("x", b"1"), minute=2)
    again = again.set_column(
        again.schema.get_field_index("sent_again"), "sent_again", pa.array([2], pa.int32())
    )
    leave(bucket, layout.delivered_run(FIRST, "braze", "receipts"), again)
    accepted = find_accepted(bucket, JOB, "braze")
    nothing = session.from_arrow(PENDING.empty_table())
    assert perhaps_billed_twice(session, bucket, accepted, nothing) == (3, 9)
    snapshot(bucket, FIRST, {"u": b"1"})
    assert perhaps_billed_twice(session, bucket, find_accepted(bucket, JOB, "braze"), nothing) == (0, 0)


def test_an_older_run_is_refused():
    """A run older than the newest that delivered is refused; the same and newer ones are not."""
    accepted = Accepted((), (), (), (), SECOND.run_at)
    refuse_older(SECOND, accepted, "braze")
    refuse_older(SECOND, Accepted((), (), (), (), None), "braze")
    with pytest.raises(OlderRun, match="was delivered to braze already, and this run is older"):
        refuse_older(FIRST, accepted, "braze")
