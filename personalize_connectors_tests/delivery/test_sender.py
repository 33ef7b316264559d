"""The delivery engine against the Braze emulator, over a socket."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pytest

from personalize_connectors.connectors.braze import CONNECTOR, BrazeSettings
from personalize_connectors.connectors.exchange import Call, Limits
from personalize_connectors.connectors.settings import RateWindow
from personalize_connectors.delivery.client import Timeouts
from personalize_connectors.delivery.order import Order, Pace
from personalize_connectors.delivery.parcels import Parcel
from personalize_connectors.delivery.receipts import Places, ReceiptWriter
from personalize_connectors.delivery.report import DeliveryReport
from personalize_connectors.delivery.sender import deliver
from personalize_connectors.delivery.write_ahead import WriteAhead
from personalize_connectors.emulators.braze import BrazeEmulatorSettings, running
from personalize_connectors.emulators.braze import RateWindow as EmulatedWindow
from personalize_connectors.errors import DeliveryBusy, DeliveryRefused, DestinationUnavailable
from personalize_connectors_tests.delivery.receipt_rows import read
from personalize_connectors_tests.until import until

USERS = pa.schema([("user_id", pa.string()), ("fingerprint", pa.binary()), ("points", pa.int64())])
PACE = Pace(in_flight=2, first_wait=0.001, longest_wait=0.01, budget=60, timeouts=Timeouts(2.0, 5.0))
ONE = replace(PACE, in_flight=1)
IMPATIENT = replace(PACE, budget=0.05)
CALL = Call("POST", "/users/track")
BRAZE_LIMITS = replace(CONNECTOR.limits(BrazeSettings()), windows=())
PLACES = Places("receipts", "dead_letters")


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


def batch(users, value="x"):
    """Users with one attribute each, as a renderer gives them."""
    table = pa.Table.from_pylist(
        [{"user_id": user, "fingerprint": user.encode(), "points": 2} for user in users], schema=USERS
    )
    bodies = [f'{{"external_id":"{user}","a":"{value}"}},'.encode() for user in users]
    return Parcel(table.to_batches()[0], pa.array(bodies, pa.large_binary()), CALL)


def named(count):
    """So many user ids."""
    return [f"user-{number}" for number in range(count)]


def send(
    bucket,
    emulator,
    parcels,
    pace=PACE,
    limits=BRAZE_LIMITS,
    progress=lambda _: None,
    may_send=lambda: True,
    **environment,
):
    """Send parcels and return the report, which is filled in any case."""
    reached = {"BRAZE_REST_ENDPOINT_URL": emulator.url, "BRAZE_API_KEY": emulator.api_key} | environment
    report = DeliveryReport()
    with (
        WriteAhead(bucket, "in_flight") as ahead,
        ReceiptWriter(bucket, PLACES, ahead.delivery, report) as receipts,
    ):
        destination = CONNECTOR.destination(reached)
        order = Order(CONNECTOR, destination, limits, receipts, ahead, report, pace, may_send)
        deliver(order, parcels, progress)
    return report


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


@pytest.mark.parametrize(("status", "twice"), [(408, 3), (429, 0), (500, 3), (502, 3), (503, 0), (504, 3)])
def test_what_may_pass_later_is_tried_again(bucket, emulator, status, twice):
    """After a 408, 429 or 5xx the same records are sent again; where the first may have been applied the report counts them."""
    emulator.faults(fail_next={"status": status, "count": 2, "headers": {"Retry-After": "0"}})
    report = send(bucket, emulator, [batch(named(3))])
    assert emulator.stats()["by_status"] == {str(status): 2, "201": 1}
    assert (report.requests, report.retries, outcomes(bucket)) == (3, 2, accepted(named(3)))
    assert (report.billed_twice, report.billed_twice_points) == (twice, 2 * twice)
    assert {row["attempt"] for row in read(bucket, "receipts")} == {3}


@pytest.mark.parametrize("fault", ["reset", "reset_applied", "truncated"])
def test_a_broken_answer_is_tried_again_and_counted(bucket, emulator, fault):
    """A connection that breaks, before or after the request was applied, is no answer: the records go again, perhaps billed twice."""
    emulator.faults(next=[fault])
    report = send(bucket, emulator, [batch(named(3))])
    assert (report.requests, report.billed_twice, outcomes(bucket)) == (2, 3, accepted(named(3)))
    assert emulator.profiles() == {user: {"a": "x"} for user in named(3)}


def test_what_is_rejected_after_a_try_without_an_answer_is_unknown_too(bucket, emulator):
    """A record that an earlier try may have applied and a later one has rejected has a receipt for each of the two."""
    emulator.faults(next=["reset"], reject_users=["u"], reject_type="no")
    report = send(bucket, emulator, [batch(["u", "v"])])
    found = {(row["user_id"], row["status"], row["text"]) for row in read(bucket, "receipts")}
    perhaps = ("u", "unknown", "rejected, and perhaps applied all the same")
    assert found == {perhaps, ("u", "rejected", "no"), ("v", "accepted", "")}
    assert (report.accepted, report.rejected, report.unknown) == (1, {"no": 1}, 1)


def test_what_an_answer_leaves_open_is_unknown_too(bucket, emulator):
    """Where Braze takes some records and does not say which it dropped, all are dead letters, and nobody knows what was applied."""
    emulator.faults(reject_users=["u"], reject_type="no", unindexed_errors=True)
    send(bucket, emulator, [batch(["u", "v"])])
    found = sorted((row["user_id"], row["status"]) for row in read(bucket, "receipts"))
    assert found == [("u", "rejected"), ("u", "unknown"), ("v", "rejected"), ("v", "unknown")]
    assert (set(emulator.profiles()), len(letters(bucket))) == ({"v"}, 2)


def test_both_halves_of_a_request_that_may_have_been_applied_are_in_doubt(bucket):
    """A request that was never answered, then divided, and then the run stops: all of its records are unknown."""
    with running(BrazeEmulatorSettings(max_objects=1)) as emulator:
        emulator.faults(next=["reset", "slow", "forbidden"], slow_seconds=0)
        with pytest.raises(DeliveryRefused, match="lacks the permission"):
            send(bucket, emulator, [batch(named(2))], pace=ONE)
        assert emulator.stats()["requests"] == 3
    assert outcomes(bucket) == dict.fromkeys(named(2), ("unknown", "sent, and never answered"))


@pytest.mark.parametrize("header", ["Retry-After", "X-Ratelimit-Retry-After", "x-ratelimit-retry-after"])
@pytest.mark.parametrize("status", [429, 503])
def test_an_answer_that_asks_to_wait_is_waited_for(bucket, emulator, header, status):
    """The next try comes no sooner than the answer asks for."""
    emulator.faults(fail_next={"status": status, "count": 1, "headers": {header: "1"}})
    started = time.monotonic()
    send(bucket, emulator, [batch(["u"])])
    assert time.monotonic() - started >= 1
    assert outcomes(bucket) == accepted(["u"])


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
        send(bucket, emulator, [batch(named(1000))], pace=ONE)
    assert (emulator.stats()["by_status"], read(bucket, "receipts")) == ({str(status): 1}, [])


def test_a_wrong_key_stops_at_once(bucket, emulator):
    """A key that Braze does not know is refused with what to check, and does not show."""
    with pytest.raises(DeliveryRefused, match="BRAZE_API_KEY is not valid") as error:
        send(bucket, emulator, [batch(["u"])], BRAZE_API_KEY="secret-and-wrong")
    assert "secret-and-wrong" not in str(error.value)


def test_running_out_of_time_keeps_the_receipts(bucket, emulator):
    """When a request had its time the delivery ends with an error, and what was accepted by then has receipts."""

    def parcels():
        for letter in "abcdefgh":
            yield batch([f"{letter}{number}" for number in range(75)])
            if letter == "d":
                until(lambda: emulator.stats()["requests"] >= 2)
                emulator.faults(fail_next={"status": 503, "count": 99_999})

    with pytest.raises(DestinationUnavailable, match=r"took none of \d+ tries of a request .*: HTTP 503"):
        send(bucket, emulator, parcels(), pace=IMPATIENT)
    found = outcomes(bucket)
    assert set(found) == set(emulator.profiles())
    assert 0 < len(found) < 8 * 75
    assert Counter(found.values()) == {("accepted", ""): len(found)}


def test_a_destination_that_accepts_nothing_for_long_stops_the_run(bucket, emulator):
    """Without an accepted record for as long as the pace's patience the run ends, though no request had all its time."""
    emulator.faults(fail_next={"status": 500, "count": 99_999})
    with pytest.raises(DestinationUnavailable, match="accepted nothing for 0 s; the last answer: HTTP 500"):
        send(bucket, emulator, [batch(named(3))], pace=replace(PACE, patience=0.05))
    assert outcomes(bucket) == dict.fromkeys(named(3), ("unknown", "sent, and never answered"))


def test_nobody_listening_is_unavailable(bucket, emulator):
    """A refused connection is tried again and then says that there was none; nothing is uncertain."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(DestinationUnavailable, match=r"no connection \(ClientConnectorError\)"):
        send(
            bucket,
            emulator,
            [batch(["u"])],
            pace=IMPATIENT,
            BRAZE_REST_ENDPOINT_URL=f"http://127.0.0.1:{port}",
        )
    assert read(bucket, "receipts") == []


def test_what_is_never_answered_is_unknown(bucket, emulator):
    """A request that is answered too late has receipts that say that nobody knows, though Braze took it."""
    emulator.faults(delay_seconds=5)
    impatient = replace(PACE, budget=0.3, timeouts=Timeouts(1.0, 0.1))
    with pytest.raises(DestinationUnavailable, match=r"no answer \(SocketTimeoutError\)"):
        send(bucket, emulator, [batch(["u"])], pace=impatient)
    assert emulator.profiles() == {"u": {"a": "x"}}
    assert outcomes(bucket) == {"u": ("unknown", "sent, and never answered")}


def test_an_error_of_the_renderer_keeps_the_receipts(bucket, emulator):
    """When the records cannot be made any more, what was sent until then has its receipts."""

    def failing():
        yield batch(named(75))
        until(lambda: emulator.stats()["requests"] == 1)
        raise ValueError("cannot render")

    with pytest.raises(ValueError, match="cannot render"):
        send(bucket, emulator, failing())
    assert outcomes(bucket) == accepted(named(75))


def test_a_lost_lease_stops_the_sending(bucket, emulator):
    """A holder that lost its lease sends nothing more, and says that somebody took over."""
    allowed = iter([True])
    with pytest.raises(DeliveryBusy, match="another run took over this delivery"):
        send(bucket, emulator, [batch(named(300))], pace=ONE, may_send=lambda: next(allowed, False))
    assert emulator.stats()["requests"] == 1
    assert outcomes(bucket) == accepted(named(75))


def test_no_more_is_planned_than_will_soon_be_sent(bucket, emulator):
    """However many requests are in flight, only a few slices of 200 requests are taken before they are sent."""
    emulator.faults(delay_seconds=0.01)
    sent = []

    def slices():
        for number in range(6):
            sent.append(emulator.stats()["requests"])
            yield batch([f"{number}-{user}" for user in named(200)])

    one_each = replace(BRAZE_LIMITS, records=1)
    send(bucket, emulator, slices(), pace=replace(PACE, in_flight=8), limits=one_each)
    assert [before >= 200 * (number - 3) - 8 for number, before in enumerate(sent)] == [True] * 6


def test_the_rate_is_kept(bucket):
    """Within the windows that are set no request is answered that there were too many."""
    window = RateWindow(requests=10, seconds=1)
    with running(BrazeEmulatorSettings(rate_limits={"track": (EmulatedWindow(10, 1),)})) as emulator:
        parcels = [batch(named(75 * 25))]
        report = send(bucket, emulator, parcels, limits=replace(BRAZE_LIMITS, windows=(window,)))
        assert emulator.stats()["by_status"] == {"201": 25}
    assert (report.throttled, report.accepted, report.waited > 0) == (0, 75 * 25, True)


def letters(bucket):
    """All dead letters."""
    return [
        json.loads(line)
        for found in bucket.objects("dead_letters")
        for line in bucket.read(found.path).splitlines()
    ]
