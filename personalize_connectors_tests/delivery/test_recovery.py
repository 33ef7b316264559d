"""After a kill: what is known of the records that were in flight."""

import pyarrow as pa
import pytest

from personalize_connectors import layout
from personalize_connectors.connectors.exchange import Call
from personalize_connectors.delivery.parcels import Parcel
from personalize_connectors.delivery.recovery import Recovered, recover
from personalize_connectors.delivery.write_ahead import WriteAhead
from personalize_connectors.job_run import Job, JobRun, parse_timestamp
from personalize_connectors_tests.delivery.receipt_rows import leave, read, receipts

JOB = Job("user_personalization", "daily")
RUN = JobRun(JOB, parse_timestamp("2026-11-21T03:00:00Z"))
IN_FLIGHT, RECEIPTS, LETTERS = (
    layout.delivered_run(RUN, "braze", kind) for kind in ("in_flight", "receipts", "dead_letters")
)
NEVER = "sent, and never answered: the delivery was killed"


def parcel(*users):
    """Records of users."""
    columns = [
        pa.array(users),
        pa.array([user.encode() for user in users], pa.binary()),
        pa.array([1] * len(users), pa.int64()),
    ]
    users_batch = pa.record_batch(columns, names=["user_id", "fingerprint", "points"])
    return Parcel(users_batch, pa.array([b"{}"] * len(users), pa.large_binary()), Call("POST", "/"))


@pytest.fixture
def planned(bucket):
    """Makes a delivery that wrote down requests of users; gives it, and the requests' names."""
    made = []

    def plan(*requests):
        made.append(ahead := WriteAhead(bucket, IN_FLIGHT))
        return ahead, [name for name, _ in ahead.plan([parcel(*users) for users in requests])]

    yield plan
    for ahead in made:
        ahead.leave()


def recovered(bucket):
    """User to status and text after a recovery, and what it counts; nothing is in flight afterwards."""
    counts = recover(bucket, JOB, "braze")
    assert bucket.objects(layout.delivered(JOB, "braze", "in_flight")) == []
    return counts, {row["user_id"]: (row["status"], row["text"]) for row in read(bucket, RECEIPTS)}


def test_nothing_in_flight_is_nothing_to_recover(bucket):
    """Where every delivery ended there is nothing to do."""
    assert recovered(bucket) == (Recovered(), {})


def test_only_what_was_sent_and_not_answered_is_unknown(bucket, planned):
    """Requests that were answered have their outcome, those that were not sent have none, and the rest is unknown."""
    ahead, (first, second, third, _) = planned("ab", "cd", "ef", "gh")
    for request in (first, second, third):
        ahead.note(request, "sent", attempt=1, at=1_700_000_000.0)
    ahead.note(first, "accepted", text="", rejected={1: "bad b"}, attempt=1, at=1_700_000_001.0)
    ahead.note(third, "not applied", attempt=1, at=1_700_000_001.0)
    assert recovered(bucket) == (
        Recovered(accepted=1, rejected=1, unknown=2),
        {"a": ("accepted", ""), "b": ("rejected", "bad b"), "c": ("unknown", NEVER), "d": ("unknown", NEVER)},
    )
    (letter,) = bucket.objects(LETTERS)
    assert b'"user_id":"b","reason":"bad b"' in bucket.read(letter.path)


def test_requests_that_were_divided_are_followed(bucket, planned):
    """Halves of halves, and what goes again without the records that were refused, have their own outcomes."""
    ahead, (one, two) = planned("abcde", "xyz")
    for event in (
        (one, "split"),
        (f"{one}.1", "accepted"),
        (f"{one}.2", "split"),
        (f"{one}.2.1", "sent"),
        (f"{one}.2.2", "rejected"),
    ):
        ahead.note(*event, text="no" if event[1] == "rejected" else "")
    ahead.note(two, "again", rejected={1: "bad y"})
    ahead.note(f"{two}.0", "accepted", text="")
    assert recovered(bucket)[1] == {
        "a": ("accepted", ""),
        "b": ("accepted", ""),
        "c": ("unknown", NEVER),
        "d": ("rejected", "no"),
        "e": ("rejected", "no"),
        "x": ("accepted", ""),
        "y": ("rejected", "bad y"),
        "z": ("accepted", ""),
    }


def test_what_may_have_been_applied_before_it_was_divided_or_rejected_is_unknown(bucket, planned):
    """Doubt about a request goes to its parts, also those not sent yet; what is rejected in doubt has both receipts."""
    ahead, (one, two, three, four) = planned("ab", "cd", "ef", "gh")
    ahead.note(one, "split", doubtful=True)
    ahead.note(f"{one}.1", "accepted", text="")
    ahead.note(two, "again", rejected={0: "bad c"}, doubtful=True)
    ahead.note(three, "accepted", text="", rejected={1: "bad f"}, doubtful=True)
    ahead.note(four, "rejected", text="no", doubtful=True)
    assert recover(bucket, JOB, "braze") == Recovered(accepted=2, rejected=4, unknown=6)
    perhaps = ("unknown", "rejected, and perhaps applied all the same")
    found = {(row["user_id"], row["status"], row["text"]) for row in read(bucket, RECEIPTS)}
    assert found == {
        ("a", "accepted", ""),
        ("b", "unknown", NEVER),
        ("c", *perhaps),
        ("c", "rejected", "bad c"),
        ("d", "unknown", NEVER),
        ("e", "accepted", ""),
        ("f", *perhaps),
        ("f", "rejected", "bad f"),
        ("g", *perhaps),
        ("g", "rejected", "no"),
        ("h", *perhaps),
        ("h", "rejected", "no"),
    }


def test_receipts_that_were_written_are_not_written_again(bucket, planned):
    """A user who has a receipt of the same delivery gets no second one, whatever the journal says."""
    ahead, (request,) = planned("ab")
    ahead.note(request, "sent")
    leave(bucket, RECEIPTS, receipts(("a", b"a")), ahead.delivery)
    assert recovered(bucket) == (
        Recovered(unknown=1),
        {"a": ("accepted", ""), "b": ("unknown", NEVER)},
    )


@pytest.mark.parametrize("journal", [None, b'{"boot":"another start of the machine"}\n', b"\xff\n"])
def test_without_a_whole_journal_all_that_has_no_receipt_is_unknown(bucket, planned, journal):
    """Where lines of the journal can be lost, nobody knows that a request was not sent."""
    ahead, _ = planned("ab")
    path = f"{IN_FLIGHT}/{ahead.delivery}.journal"
    bucket.remove(path)
    if journal:
        bucket.write(path, journal)
    assert recovered(bucket) == (
        Recovered(unknown=2),
        {"a": ("unknown", NEVER), "b": ("unknown", NEVER)},
    )


def test_a_line_that_was_being_written_is_no_event(bucket, planned):
    """The last line of a journal can be cut off; those before it count."""
    ahead, (request,) = planned("ab")
    ahead.note(request, "sent")
    path = f"{IN_FLIGHT}/{ahead.delivery}.journal"
    bucket.write(path, bucket.read(path) + b'{"request":"' + request.encode())
    assert recovered(bucket)[0] == Recovered(unknown=2)


def test_several_deliveries_are_told_apart(bucket, planned):
    """Each delivery that died has its own plans and journal."""
    first, (one,) = planned("ab")
    second, (two,) = planned("cd")
    first.note(one, "accepted", text="")
    second.note(two, "sent")
    assert recovered(bucket)[0] == Recovered(accepted=2, unknown=2)


def test_recovering_twice_is_recovering_once(bucket, planned):
    """A recovery that was killed before it cleared up finds its own receipts."""
    ahead, (request,) = planned("ab")
    ahead.note(request, "sent")
    left = {found.path: bucket.read(found.path) for found in bucket.objects(IN_FLIGHT)}
    recover(bucket, JOB, "braze")
    for path, content in left.items():
        bucket.write(path, content)
    assert recovered(bucket) == (Recovered(), {"a": ("unknown", NEVER), "b": ("unknown", NEVER)})
