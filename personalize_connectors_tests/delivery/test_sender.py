"""The delivery engine against the Braze emulator, over a socket."""

from __future__ import annotations

import socket
import time
from collections import Counter

import pyarrow as pa
import pytest

from personalize_connectors.connectors.braze import CONNECTOR, BrazeSettings
from personalize_connectors.connectors.protocol import Fragments, Limits
from personalize_connectors.delivery.receipts import ReceiptWriter
from personalize_connectors.delivery.sender import DeliveryReport, Pace, Sender
from personalize_connectors.emulators.braze import BrazeEmulatorSettings, running
from personalize_connectors.errors import DeliveryRefused, DestinationUnavailable
from personalize_connectors_tests.delivery.receipt_rows import read

USERS = pa.schema([("user_id", pa.string()), ("fingerprint", pa.binary()), ("points", pa.int64())])
PACE = Pace(workers=2, attempts=3, first_wait=0.001, longest_wait=0.01, timeout=(2.0, 5.0))
BRAZE_LIMITS = CONNECTOR.limits(BrazeSettings())
ALL_BAD = "HTTP 400 Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."


@pytest.fixture(scope="module")
def listening():
    """One emulator with Braze's limits."""
    with running() as emulator:
        yield emulator


@pytest.fixture
def emulator(listening):
    """The emulator with nothing in it."""
    listening.reset()
    return listening


def batch(users, value="x", refused=None):
    """Users with one attribute each, as a renderer gives them."""
    table = pa.Table.from_pylist(
        [{"user_id": user, "fingerprint": user.encode(), "points": 2} for user in users], schema=USERS
    )
    bodies = [f'{{"external_id":"{user}","a":"{value}"}},'.encode() for user in users]
    return table.to_batches()[0], Fragments(pa.array(bodies, pa.large_binary()), refused or {})


def named(count):
    """So many user ids."""
    return [f"user-{number}" for number in range(count)]


def send(bucket, emulator, *batches, pace=PACE, limits=BRAZE_LIMITS, progress=lambda _: None, **destination):
    """Send batches and return the report."""
    environment = {"BRAZE_REST_ENDPOINT_URL": emulator.url, "BRAZE_API_KEY": emulator.api_key} | destination
    writer = ReceiptWriter(bucket, "receipts")
    sender = Sender(CONNECTOR, CONNECTOR.destination(environment), limits, writer, pace)
    return sender.send(batches, progress)


def outcomes(bucket):
    """User to status and text, of all receipts."""
    rows = read(bucket, "receipts")
    assert len({row["user_id"] for row in rows}) == len(rows)
    assert all(row["fingerprint"] == row["user_id"].encode() for row in rows)
    return {row["user_id"]: (row["status"], row["text"]) for row in rows}


def accepted(users):
    """Receipts where everybody was accepted."""
    return dict.fromkeys(users, ("accepted", ""))


def test_sends_everybody_once_in_requests_of_75(bucket, emulator):
    """Each record is sent once, 75 to a request, with the bulk header, and has its receipt; the report counts it."""
    seen = []
    report = send(bucket, emulator, batch(named(160)), batch(["last"]), progress=seen.append)
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
    assert (send(bucket, emulator), read(bucket, "receipts")) == (DeliveryReport(), [])


def test_requests_stay_within_the_byte_limit(bucket):
    """No request is larger than the limit, and each is as full as it can be."""
    with running(BrazeEmulatorSettings(max_body_bytes=1000)) as emulator:
        report = send(bucket, emulator, batch(named(50), "x" * 150), limits=Limits(75, 1000))
        assert emulator.stats()["by_status"] == {"201": 10}
    assert (report.requests, outcomes(bucket)) == (10, accepted(named(50)))


def test_a_record_over_the_limit_is_rejected_alone(bucket):
    """A record that no request can hold is rejected with the destination's words, and its neighbours are sent."""
    with running(BrazeEmulatorSettings(max_body_bytes=1000)) as emulator:
        batches = batch(["u"]), batch(["huge"], "x" * 2000), batch(["v"])
        report = send(bucket, emulator, *batches, limits=Limits(75, 1000))
    text = "HTTP 413 Request body too large"
    assert outcomes(bucket) == accepted(["u", "v"]) | {"huge": ("rejected", text)}
    assert (report.accepted, report.rejected) == (2, {text: 1})


@pytest.mark.parametrize(
    ("settings", "status"),
    [(BrazeEmulatorSettings(max_objects=10), "400"), (BrazeEmulatorSettings(max_body_bytes=500), "413")],
)
def test_a_request_that_is_too_long_is_split(bucket, settings, status):
    """Where Braze takes less than it was thought to, requests are halved until they pass."""
    with running(settings) as emulator:
        report = send(bucket, emulator, batch(named(75)))
        assert set(emulator.stats()["by_status"]) == {"201", status}
        assert set(emulator.profiles()) == set(named(75))
    assert (report.accepted, report.rejected, outcomes(bucket)) == (75, {}, accepted(named(75)))


def test_rejected_records_have_their_own_text(bucket, emulator):
    """Records that errors[] names are rejected with its words; the rest of the request is accepted and billed."""
    emulator.faults(reject_users=["user-0", "user-80"], reject_type="EMAIL_BAD_FORMAT")
    report = send(bucket, emulator, batch([*named(100), "é" * 500]))
    too_long = "'external_id' must be fewer than 988 bytes"
    expected = accepted(named(100)) | dict.fromkeys(["user-0", "user-80"], ("rejected", "EMAIL_BAD_FORMAT"))
    assert outcomes(bucket) == expected | {"é" * 500: ("rejected", too_long)}
    assert (report.accepted, report.rejected) == (98, {"EMAIL_BAD_FORMAT": 2, too_long: 1})
    assert (report.rejected_records, report.data_points) == (3, 2 * 98)


def test_a_request_of_bad_records_only_is_rejected_record_by_record(bucket, emulator):
    """A 400 that lists every record leaves each its own words."""
    emulator.faults(reject_users=["u", "v"])
    report = send(bucket, emulator, batch(["u", "v"]))
    text = "BLACKLISTED_EXTERNAL_USER_ID"
    assert outcomes(bucket) == dict.fromkeys(["u", "v"], ("rejected", text))
    assert (report.accepted, report.rejected, report.requests, report.data_points) == (0, {text: 2}, 1, 0)


def test_a_400_without_errors_rejects_the_request(bucket, emulator):
    """A 400 that names nobody rejects all its records with Braze's text, and the next request is sent."""
    emulator.faults(fail_next={"status": 400, "count": 1})
    report = send(bucket, emulator, batch(["u"]), batch(["v"]), pace=Pace(workers=1))
    assert outcomes(bucket) == {"u": ("rejected", "HTTP 400 Planted by the emulator"), "v": ("accepted", "")}
    assert (report.requests, report.retries) == (2, 0)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_what_may_pass_later_is_tried_again(bucket, emulator, status):
    """After a 408, 429 or 5xx the same records are sent again, and the receipt says which try was answered."""
    emulator.faults(fail_next={"status": status, "count": 2})
    report = send(bucket, emulator, batch(named(3)))
    assert emulator.stats()["by_status"] == {str(status): 2, "201": 1}
    assert (report.requests, report.retries, outcomes(bucket)) == (3, 2, accepted(named(3)))
    assert {row["attempt"] for row in read(bucket, "receipts")} == {3}


@pytest.mark.parametrize("header", ["Retry-After", "X-Ratelimit-Retry-After", "x-ratelimit-retry-after"])
def test_a_429_is_waited_for_as_long_as_it_asks(bucket, emulator, header):
    """The next try comes no sooner than the answer asks for."""
    emulator.faults(fail_next={"status": 429, "count": 2, "headers": {header: "0.1"}})
    started = time.monotonic()
    send(bucket, emulator, batch(["u"]), pace=Pace(first_wait=0.001, attempts=3))
    assert time.monotonic() - started >= 0.2
    assert outcomes(bucket) == accepted(["u"])


def test_no_wait_is_longer_than_the_longest(bucket, emulator):
    """An answer that asks for an hour is waited for as long as the pace allows."""
    emulator.faults(fail_next={"status": 429, "count": 2, "headers": {"Retry-After": "3600"}})
    started = time.monotonic()
    send(bucket, emulator, batch(["u"]))
    assert (time.monotonic() - started < 60, outcomes(bucket)) == (True, accepted(["u"]))


@pytest.mark.parametrize(
    ("status", "what"),
    [
        (401, "BRAZE_API_KEY is not valid"),
        (403, "lacks the permission users.track"),
        (404, "BRAZE_REST_ENDPOINT_URL"),
    ],
)
def test_what_refuses_everything_stops_at_once(bucket, emulator, status, what):
    """After a 401, 403 or 404 nothing more is sent, and the error says what to check."""
    emulator.faults(fail_next={"status": status, "count": 99})
    with pytest.raises(DeliveryRefused, match=what):
        send(bucket, emulator, batch(named(1000)), pace=Pace(workers=1))
    assert (emulator.stats()["by_status"], read(bucket, "receipts")) == ({str(status): 1}, [])


def test_a_wrong_key_stops_at_once(bucket, emulator):
    """A key that Braze does not know is refused with what to check, and does not show."""
    with pytest.raises(DeliveryRefused, match="BRAZE_API_KEY is not valid") as error:
        send(bucket, emulator, batch(["u"]), BRAZE_API_KEY="secret-and-wrong")
    assert "secret-and-wrong" not in str(error.value)


def test_running_out_of_tries_keeps_the_receipts(bucket, emulator):
    """When a request runs out of tries the delivery ends with an error, and what was accepted by then has receipts."""

    def fail_from_now_on(_):
        emulator.faults(fail_next={"status": 503, "count": 999})

    batches = (batch([f"{letter}{number}" for number in range(75)]) for letter in "abcdefgh")
    with pytest.raises(
        DestinationUnavailable, match="took none of 3 tries of a request; the last one: HTTP 503"
    ):
        send(bucket, emulator, *batches, progress=fail_from_now_on)
    found = outcomes(bucket)
    assert set(found) == set(emulator.profiles())
    assert 0 < len(found) < 8 * 75
    assert Counter(found.values()) == {("accepted", ""): len(found)}


def test_nobody_listening_is_unavailable(bucket, emulator):
    """A refused connection is tried again and then says that there was no answer."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(DestinationUnavailable, match=r"no answer \(NewConnectionError\)"):
        send(bucket, emulator, batch(["u"]), BRAZE_REST_ENDPOINT_URL=f"http://127.0.0.1:{port}")
    assert read(bucket, "receipts") == []


def test_no_answer_in_time_is_tried_again(bucket, emulator):
    """A request that is answered too late has no receipt, though Braze took it: it will be sent again."""
    emulator.faults(delay_seconds=5)
    with pytest.raises(DestinationUnavailable, match=r"no answer \(ReadTimeoutError\)"):
        send(bucket, emulator, batch(["u"]), pace=Pace(attempts=2, first_wait=0.001, timeout=(1.0, 0.1)))
    assert (emulator.stats()["requests"], emulator.profiles(), outcomes(bucket)) == (2, {"u": {"a": "x"}}, {})


def test_records_that_must_not_be_sent_are_rejected_unsent(bucket, emulator):
    """Users whom the renderer refuses are rejected with its reason, also where these are all of a batch."""
    batches = (
        batch(["a", "b", "c"], refused={1: "too few"}),
        batch(["d", "e"], refused={1: "no e", 0: "no d"}),
    )
    report = send(bucket, emulator, *batches)
    assert emulator.profiles() == {"a": {"a": "x"}, "c": {"a": "x"}}
    assert outcomes(bucket) == accepted(["a", "c"]) | {
        "b": ("rejected", "too few"),
        "d": ("rejected", "no d"),
        "e": ("rejected", "no e"),
    }
    assert (report.requests, report.accepted, report.rejected_records) == (1, 2, 3)


def test_an_error_of_the_renderer_keeps_the_receipts(bucket, emulator):
    """When the records cannot be made any more, what was sent until then has its receipts."""

    def failing():
        yield batch(named(75))
        raise ValueError("cannot render")

    writer = ReceiptWriter(bucket, "receipts")
    environment = {"BRAZE_REST_ENDPOINT_URL": emulator.url, "BRAZE_API_KEY": emulator.api_key}
    sender = Sender(CONNECTOR, CONNECTOR.destination(environment), BRAZE_LIMITS, writer, PACE)
    with pytest.raises(ValueError, match="cannot render"):
        sender.send(failing(), lambda _: None)
    assert outcomes(bucket) == accepted(named(75))
