"""What the destination last accepted: the newest snapshot and the receipts behind it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from personalize_connectors import layout
from personalize_connectors.delivery.receipts import ReceiptWriter
from personalize_connectors.delivery.state import (
    PENDING,
    SCHEMA,
    Accepted,
    accepted_state,
    find_accepted,
    not_in_state,
    pending,
    refuse_older,
)
from personalize_connectors.engine.frame import Frame
from personalize_connectors.errors import OlderRun
from personalize_connectors.folders import write_frames
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors_tests.delivery.receipt_rows import NOON, receipts

JOB = Job("user_personalization", "daily")
FIRST, SECOND = (JobRun(JOB, datetime(2026, 11, day, 3, tzinfo=UTC)) for day in (21, 22))


def deliver(bucket, run, *rows, minute=0):
    """Leave receipts of a run."""
    writer = ReceiptWriter(bucket, layout.delivered_run(run, "braze", "receipts"))
    writer.add(receipts(*rows, minute=minute))
    writer.flush()


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
    writer = ReceiptWriter(bucket, layout.delivered_run(FIRST, "braze2", "receipts"))
    writer.add(receipts(("u", b"1")))
    writer.flush()
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
    """Accepted users that a new snapshot lacks, or has with an older fingerprint, are counted."""
    deliver(bucket, FIRST, ("u", b"1"), ("v", b"1"), ("w", b"1", "rejected"))
    deliver(bucket, FIRST, ("u", b"2"), minute=1)
    found = find_accepted(bucket, JOB, "braze")
    assert not_in_state(session, bucket, found, snapshot(bucket, FIRST, kept)) == missing


def test_pending_is_the_delta_without_what_was_accepted_since(session, bucket):
    """Of a delta those are left whose very fingerprint was not accepted; of all users those not accepted since then."""
    deliver(bucket, SECOND, ("before", b"1"))
    table = pa.Table.from_pylist(
        [
            {"user_id": user, "fingerprint": b"1", "points": 3, "items": ["a"]}
            for user in ("before", "since", "rejected", "other", "open")
        ],
        PENDING,
    )
    folder = layout.stage(SECOND, "decorated_recommendations")
    decorated = write_frames(bucket, [Frame(PENDING, iter(table.to_batches()), folder, name="braze")])[folder]
    minutes = (datetime.fromisoformat(decorated.manifest["written_at"]) - NOON) / timedelta(minutes=1) + 1
    deliver(bucket, SECOND, ("since", b"1"), ("rejected", b"1", "rejected"), ("other", b"2"), minute=minutes)
    deliver(bucket, FIRST, ("open", b"1"), minute=minutes)
    accepted = find_accepted(bucket, JOB, "braze")

    def left(*, delta):
        found = (
            pending(session, bucket, decorated, "braze", accepted, delta=delta).order("user_id").fetchall()
        )
        return [user for user, *_ in found]

    assert left(delta=True) == ["other", "rejected"]
    assert left(delta=False) == ["before", "other", "rejected"]


def test_an_older_run_is_refused():
    """A run older than the newest that delivered is refused; the same and newer ones are not."""
    accepted = Accepted((), (), (), SECOND.run_at)
    refuse_older(SECOND, accepted, "braze")
    refuse_older(SECOND, Accepted((), (), (), None), "braze")
    with pytest.raises(OlderRun, match="was delivered to braze already, and this run is older"):
        refuse_older(FIRST, accepted, "braze")
