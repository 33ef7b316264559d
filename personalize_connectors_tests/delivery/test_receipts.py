"""Receipts are written while the delivery runs, and counted."""

from datetime import UTC, datetime

import orjson
import pyarrow as pa
import pytest

from personalize_connectors.connectors.exchange import Call
from personalize_connectors.delivery.outcomes import Outcome
from personalize_connectors.delivery.parcels import Parcel
from personalize_connectors.delivery.receipts import SCHEMA, Places, ReceiptWriter, receipts_table
from personalize_connectors.delivery.report import DeliveryReport
from personalize_connectors.storage_errors import STORAGE_ERRORS
from personalize_connectors_tests.delivery.receipt_rows import read
from personalize_connectors_tests.until import until

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLACES = Places("receipts", "dead_letters")


def parcel(*users):
    """Users with two data points each."""
    rows = [users, [user.encode() for user in users], [2] * len(users)]
    names = ["user_id", "fingerprint", "points"]
    bodies = [f'{{"id":"{user}","big":18446744073709551616}},'.encode() for user in users]
    types = [pa.string(), pa.binary(), pa.int64()]
    columns = [pa.array(values, kind) for values, kind in zip(rows, types, strict=True)]
    return Parcel(
        pa.record_batch(columns, names=names), pa.array(bodies, pa.large_binary()), Call("POST", "/")
    )


def outcome(*users, status="accepted", text="", rejected=None, request="d-0", attempt=1):
    """How a request of these users ended."""
    return Outcome(parcel(*users), status, text, rejected or {}, request, attempt, AT)


def test_every_record_of_every_request_is_a_row():
    """A request's status holds for its records but for those that were rejected by name, which have their own words."""
    found = receipts_table(
        [
            outcome("a", "b", "c", rejected={1: "bad b"}),
            outcome("d", status="rejected", text="HTTP 400", request="d-1", attempt=2),
            outcome("e", "f", status="unknown", text="never answered", request="d-2.1"),
        ],
        "d",
    )
    rows = [tuple(row.values()) for row in found.to_pylist()]
    assert found.schema == SCHEMA
    assert rows == [
        ("a", b"a", "accepted", "", "d-0", 1, AT, "d", 2, 0),
        ("b", b"b", "rejected", "bad b", "d-0", 1, AT, "d", 2, 0),
        ("c", b"c", "accepted", "", "d-0", 1, AT, "d", 2, 0),
        ("d", b"d", "rejected", "HTTP 400", "d-1", 2, AT, "d", 2, 0),
        ("e", b"e", "unknown", "never answered", "d-2.1", 1, AT, "d", 2, 0),
        ("f", b"f", "unknown", "never answered", "d-2.1", 1, AT, "d", 2, 0),
    ]


def test_receipts_are_written_while_the_delivery_goes_on(bucket):
    """What is added is in the bucket a moment later, before the delivery ends."""
    report = DeliveryReport()
    with ReceiptWriter(bucket, PLACES, "d", report) as writer:
        writer.add(outcome("a"))
        until(lambda: read(bucket, "receipts"))
        assert report.accepted == 1
        writer.add(outcome("b", request="d-1"))
    assert sorted(row["user_id"] for row in read(bucket, "receipts")) == ["a", "b"]


def test_the_report_counts_what_was_written(bucket):
    """Accepted, rejected by words, unknown, and the data points of the accepted."""
    report = DeliveryReport()
    with ReceiptWriter(bucket, PLACES, "d", report) as writer:
        writer.add(outcome("a", "b", "c", rejected={1: "bad"}))
        writer.add(outcome("d", status="rejected", text="bad"))
        writer.add(outcome("e", status="unknown"))
    assert report == DeliveryReport(accepted=2, rejected={"bad": 2}, unknown=1, data_points=4)


def test_rejected_records_are_kept_with_their_payload(bucket):
    """A dead letter holds the reason, the request, and what was to be sent as it stood, whole numbers of any size too."""
    with ReceiptWriter(bucket, PLACES, "d", DeliveryReport()) as writer:
        writer.add(outcome("a", "b", rejected={1: "bad b"}))
        writer.add(outcome("c", status="rejected", text="local", request="", attempt=0))
    (found,) = bucket.objects("dead_letters")
    first, second = bucket.read(found.path).splitlines()
    assert orjson.loads(first) | {"payload": None} == {
        "user_id": "b",
        "reason": "bad b",
        "fingerprint": "62",
        "request": "d-0",
        "attempt": 1,
        "at": "2026-11-22T12:00:00+00:00",
        "payload": None,
    }
    assert first.endswith(b',"payload":{"id":"b","big":18446744073709551616}}')
    assert (orjson.loads(second)["user_id"], orjson.loads(second)["attempt"]) == ("c", 0)


def test_nothing_rejected_leaves_no_dead_letters(bucket):
    """Where everything was accepted there is no file of dead letters, and where nothing was sent none of receipts."""
    with ReceiptWriter(bucket, PLACES, "d", DeliveryReport()) as writer:
        writer.add(outcome("a"))
    with ReceiptWriter(bucket, Places("none", "dead_letters"), "d", DeliveryReport()):
        pass
    assert (bucket.objects("dead_letters"), bucket.objects("none")) == ([], [])


def test_a_storage_that_fails_is_told(bucket, tmp_path):
    """Receipts that cannot be written are an error, not a loss."""
    (tmp_path / "receipts").write_text("a file where the folder must be")
    writer = ReceiptWriter(bucket, PLACES, "d", DeliveryReport()).__enter__()
    writer.add(outcome("a"))
    until(lambda: writer.failure)
    with pytest.raises(STORAGE_ERRORS, match="receipts"):
        writer.__exit__()
