"""What is read of the traces of one id, and what is known last by them."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from personalize_connectors import layout
from personalize_connectors.connectors.exchange import Call
from personalize_connectors.delivery.parcels import Parcel
from personalize_connectors.delivery.state import accepted_state, find_accepted
from personalize_connectors.delivery.write_ahead import WriteAhead
from personalize_connectors.engine.session import open_session
from personalize_connectors.explain.history import history_of
from personalize_connectors.explain.subject import Subject
from personalize_connectors.explain.traces import LastWord
from personalize_connectors.job_run import Job, JobRun, parse_timestamp
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.delivery.receipt_rows import NOON, leave, receipts

JOB = Job("user_personalization", "daily")
FIRST, SECOND = (JobRun(JOB, parse_timestamp(f"2026-11-2{day}T03:00:00Z")) for day in (1, 2))
USERS = "abcdefgh"


def folder(kind, run=FIRST):
    """A folder of what the connector keeps of a run."""
    return layout.delivered_run(run, "braze", kind)


@pytest.fixture
def bucket(tmp_path):
    """Receipts of two runs: every way in which a user can stand, and two users in flight."""
    bucket = open_storage(str(tmp_path))
    first = receipts(
        ("a", b"1"),
        ("b", b"1"),
        ("c", b"1", "rejected", "no"),
        ("d", b"1", "unknown"),
        ("e", b"1"),
        ("f", b"1", "unknown"),
        ("h", b"1"),
    )
    leave(bucket, folder("receipts"), first)
    second = receipts(
        ("b", b"2"), ("d", b"2"), ("e", b""), ("f", b"2", "rejected", "no"), minute=1, delivery="second"
    )
    leave(bucket, folder("receipts", SECOND), second, delivery="second")
    ahead = WriteAhead(bucket, folder("in_flight", SECOND))
    columns = [pa.array(["g", "h"]), pa.array([b"3", b"3"], pa.binary()), pa.array([1, 1], pa.int64())]
    users = pa.record_batch(columns, names=["user_id", "fingerprint", "points"])
    ahead.plan([Parcel(users, pa.array([b"{}", b"{}"], pa.large_binary()), Call("POST", "/"))])
    ahead.leave()
    return bucket


def history(bucket, user):
    """The traces of a user."""
    return history_of(bucket, Subject(JOB, "user", user), "braze")


def test_the_last_word_is_that_of_the_state(bucket):
    """What is known last of each user is what the delivery goes by."""
    with open_session(1 << 30) as session:
        rows = accepted_state(session, bucket, find_accepted(bucket, JOB, "braze")).fetchall()
    state = {user: fingerprint and fingerprint.hex() for user, fingerprint, _ in rows}
    words = {user: history(bucket, user).last_word() for user in USERS}
    assert {
        user: word.fingerprint for user, word in words.items() if word and word.fingerprint != ""
    } == state
    assert (words["c"], words["e"].fingerprint) == (None, "")


def test_the_last_word_before_a_time_is_the_older_one(bucket):
    """What a run compared with is what was known then."""
    found = history(bucket, "b")
    assert found.last_word(found.receipts[1].at) == LastWord(b"1".hex(), NOON)


def test_what_is_in_flight_has_no_receipt_of_its_delivery(bucket):
    """A record is in flight until its delivery has a receipt for it."""
    (planned,) = history(bucket, "h").in_flight
    assert (planned.run, planned.fingerprint) == (SECOND.run, b"3".hex())
    delivery = planned.request.partition("-")[0]
    leave(bucket, folder("receipts", SECOND), receipts(("h", b"3"), minute=2, delivery=delivery), delivery)
    assert history(bucket, "h").in_flight == ()


def test_dead_letters_are_those_of_the_id(bucket):
    """Dead letters of others, also with the id somewhere inside, are not taken; those without receipts are found."""
    letter = {"reason": "no", "fingerprint": "31", "request": "d-0", "attempt": 1, "at": NOON.isoformat()}
    inside = {"user_id": "z", **letter, "payload": {"user_id": "c"}}
    own = {"user_id": "c", **letter, "payload": None}
    (receipt,) = (found.name for found in bucket.objects(folder("receipts")))
    lines = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in (inside, own))
    bucket.write(f"{folder('dead_letters')}/{receipt.replace('.parquet', '.json')}", lines.encode())
    bucket.write(f"{folder('dead_letters', SECOND)}/no-receipts-any-more.json", lines.encode())
    assert [found.run for found in history(bucket, "c").dead_letters] == [FIRST.run, SECOND.run]
    assert [found.run for found in history(bucket, "z").dead_letters] == [SECOND.run]
    assert history(bucket, "a").dead_letters == ()
