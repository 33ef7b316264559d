"""The delivery engine against the Braze emulator, over a socket: tries, doubts, and what stops it."""

from __future__ import annotations

import socket
import time
from collections import Counter
from dataclasses import replace

import pytest

from personalize_connectors.connectors.settings import RateWindow
from personalize_connectors.delivery.client import Timeouts
from personalize_connectors.emulators.braze import BrazeEmulatorSettings, running
from personalize_connectors.emulators.braze import RateWindow as EmulatedWindow
from personalize_connectors.errors import DeliveryBusy, DeliveryRefused, DestinationUnavailable
from personalize_connectors_tests.delivery.receipt_rows import read
from personalize_connectors_tests.delivery.sent import (
    BRAZE_LIMITS,
    IMPATIENT,
    ONE,
    PACE,
    accepted,
    batch,
    letters,
    named,
    outcomes,
    send,
)
from personalize_connectors_tests.until import until


@pytest.mark.parametrize(("status", "twice"), [(408, 6), (429, 0), (500, 6), (502, 6), (503, 0), (504, 6)])
def test_what_may_pass_later_is_tried_again(bucket, emulator, status, twice):
    """After a 408, 429 or 5xx the same records are sent again; each time after one that may have been applied is counted."""
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
