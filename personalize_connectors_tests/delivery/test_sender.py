"""The delivery engine against the Braze emulator, over a socket: requests, their limits, and what is rejected."""

from __future__ import annotations

import pytest

from personalize_connectors.connectors.exchange import Limits
from personalize_connectors.delivery.report import DeliveryReport
from personalize_connectors.emulators.braze import BrazeEmulatorSettings, running
from personalize_connectors_tests.delivery.receipt_rows import read
from personalize_connectors_tests.delivery.sent import ONE, accepted, batch, letters, named, outcomes, send


def test_sends_everybody_once_in_requests_of_75(bucket, emulator):
    """Each record is sent once, 75 to a request, with the bulk header, and has its receipt; the report counts it."""
    seen = []
    report = send(bucket, emulator, [batch(named(160)), batch(["last"])], progress=seen.append)
    stats = emulator.stats()
    assert (report.requests, report.retries, report.accepted, report.rejected) == (4, 0, 161, {})
    assert (report.data_points, seen[-1]) == (2 * 161, 161)
    assert (stats["by_status"], stats["bulk_requests"], stats["objects_accepted"]) == ({"201": 4}, 4, 161)
    assert emulator.profiles() == {user: {"a": "x"} for user in [*named(160), "last"]}
    assert outcomes(bucket) == accepted([*named(160), "last"])
    assert {row["attempt"] for row in read(bucket, "receipts")} == {1}
    assert len({row["request"] for row in read(bucket, "receipts")}) == 4


def test_nothing_to_send_sends_nothing(bucket, emulator):
    """Without records there are no requests and no receipts."""
    assert (send(bucket, emulator, []), read(bucket, "receipts")) == (DeliveryReport(), [])


def test_a_delivery_that_ended_leaves_nothing_in_flight(bucket, emulator):
    """What was written ahead of the requests is gone when all of them have receipts."""
    during = []
    send(bucket, emulator, [batch(named(160))], progress=lambda _: during.append(bucket.objects("in_flight")))
    kinds = {found.name.rpartition(".")[2] for found in during[0]}
    assert (kinds, bucket.objects("in_flight")) == ({"parquet", "journal"}, [])


def test_requests_stay_within_the_byte_limit(bucket):
    """No request is larger than the limit, and each is as full as it can be."""
    with running(BrazeEmulatorSettings(max_body_bytes=1000)) as emulator:
        report = send(bucket, emulator, [batch(named(50), "x" * 150)], limits=Limits(75, 1000))
        assert emulator.stats()["by_status"] == {"201": 10}
    assert (report.requests, outcomes(bucket)) == (10, accepted(named(50)))


def test_a_record_over_the_limit_is_a_dead_letter(bucket):
    """A record that no request can hold is rejected with the destination's words and kept; its neighbours are sent."""
    with running(BrazeEmulatorSettings(max_body_bytes=1000)) as emulator:
        parcels = batch(["u"]), batch(["huge"], "x" * 2000), batch(["v"])
        report = send(bucket, emulator, parcels, limits=Limits(75, 1000))
    text = "HTTP 413 Request body too large"
    assert outcomes(bucket) == accepted(["u", "v"]) | {"huge": ("rejected", text)}
    assert (report.accepted, report.rejected) == (2, {text: 1})
    (letter,) = letters(bucket)
    assert (letter["user_id"], letter["reason"]) == ("huge", text)
    assert letter["payload"] == {"external_id": "huge", "a": "x" * 2000}


@pytest.mark.parametrize(
    ("settings", "status", "refusals"),
    [
        (BrazeEmulatorSettings(max_objects=10), "400", 3),
        (BrazeEmulatorSettings(max_body_bytes=500), "413", 3),
    ],
)
def test_what_is_too_long_is_halved_and_remembered(bucket, settings, status, refusals):
    """Where Braze takes less than it was thought to, requests are halved until they pass, and later ones are cut so."""
    with running(settings) as emulator:
        parcels = [batch([f"{letter}{number}" for number in range(75)]) for letter in "abcdefgh"]
        users = [user for parcel in parcels for user in parcel.users["user_id"].to_pylist()]
        report = send(bucket, emulator, parcels, pace=ONE)
        found = emulator.stats()["by_status"]
        assert set(emulator.profiles()) == set(users)
    assert (set(found), found[status]) == ({"201", status}, refusals)
    assert (report.accepted, report.rejected, outcomes(bucket)) == (600, {}, accepted(users))


def test_rejected_records_have_their_own_text(bucket, emulator):
    """Records that errors[] names are rejected with its words; the rest of the request is accepted and billed."""
    emulator.faults(reject_users=["user-0", "user-80"], reject_type="EMAIL_BAD_FORMAT")
    report = send(bucket, emulator, [batch([*named(100), "é" * 500])])
    too_long = "'external_id' must be fewer than 988 bytes"
    expected = accepted(named(100)) | dict.fromkeys(["user-0", "user-80"], ("rejected", "EMAIL_BAD_FORMAT"))
    assert outcomes(bucket) == expected | {"é" * 500: ("rejected", too_long)}
    assert (report.accepted, report.rejected) == (98, {"EMAIL_BAD_FORMAT": 2, too_long: 1})
    assert (report.rejected_records, report.data_points) == (3, 2 * 98)
    assert {letter["user_id"]: letter["payload"]["a"] for letter in letters(bucket)} == {
        "user-0": "x",
        "user-80": "x",
        "é" * 500: "x",
    }


def test_a_request_of_bad_records_only_is_rejected_record_by_record(bucket, emulator):
    """A 400 that lists every record leaves each its own words."""
    emulator.faults(reject_users=["u", "v"])
    report = send(bucket, emulator, [batch(["u", "v"])])
    text = "BLACKLISTED_EXTERNAL_USER_ID"
    assert outcomes(bucket) == dict.fromkeys(["u", "v"], ("rejected", text))
    assert (report.accepted, report.rejected, report.requests, report.data_points) == (0, {text: 2}, 1, 0)


def test_a_400_without_errors_rejects_the_request(bucket, emulator):
    """A 400 that names nobody rejects all its records with Braze's text, and the next request is sent."""
    emulator.faults(fail_next={"status": 400, "count": 1})
    report = send(bucket, emulator, [batch(["u"]), batch(["v"])], pace=ONE)
    assert outcomes(bucket) == {"u": ("rejected", "HTTP 400 Planted by the emulator"), "v": ("accepted", "")}
    assert (report.requests, report.retries) == (2, 0)
