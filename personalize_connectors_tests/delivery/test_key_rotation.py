"""A key that is replaced while a delivery goes on."""

from contextlib import contextmanager

import pytest

from personalize_connectors.connectors.braze import CONNECTOR
from personalize_connectors.delivery.order import Order
from personalize_connectors.delivery.receipts import ReceiptWriter
from personalize_connectors.delivery.report import DeliveryReport
from personalize_connectors.delivery.sender import deliver
from personalize_connectors.delivery.write_ahead import WriteAhead
from personalize_connectors.emulators.braze import BrazeEmulatorSettings, running
from personalize_connectors.emulators.braze.routes import SCOPES
from personalize_connectors.errors import DeliveryRefused
from personalize_connectors_tests.delivery.sent import (
    BRAZE_LIMITS,
    PACE,
    PLACES,
    accepted,
    batch,
    named,
    outcomes,
)

OLD, NEW = "the-old-key-0123456789", "the-new-key-9876543210"


@contextmanager
def two_keys():
    """An emulator that takes both keys."""
    with running(BrazeEmulatorSettings(api_key=OLD, keys={NEW: SCOPES})) as emulator:
        yield emulator


def send(bucket, emulator, parcels, keys, revoked_after):
    """Send with the keys that are read one after the other, the last again and again; gives how often one was read."""
    reads = []

    def find():
        key = keys[min(len(reads), len(keys) - 1)]
        reads.append(key)
        return CONNECTOR.destination({"BRAZE_REST_ENDPOINT_URL": emulator.url, "BRAZE_API_KEY": key})

    def progress(done):
        if done >= revoked_after:
            emulator.faults(revoked_keys=[OLD], echo_keys=True)

    report = DeliveryReport()
    with (
        WriteAhead(bucket, "in_flight") as ahead,
        ReceiptWriter(bucket, PLACES, ahead.delivery, report) as receipts,
    ):
        order = Order(CONNECTOR, find(), BRAZE_LIMITS, receipts, ahead, report, PACE, renew=find)
        deliver(order, parcels, progress)
    return reads


def test_a_delivery_goes_on_with_the_new_key(bucket):
    """After a 401 the key is read again, once for all requests in flight, and nobody is lost or rejected."""
    users = [f"{letter}{user}" for letter in "abcdefgh" for user in named(75)]
    parcels = [batch(users[start : start + 75]) for start in range(0, len(users), 75)]
    with two_keys() as emulator:
        reads = send(bucket, emulator, parcels, [OLD, NEW], revoked_after=0)
        assert set(emulator.profiles()) == set(users)
    assert (reads, outcomes(bucket)) == ([OLD, NEW], accepted(users))


def test_a_key_that_did_not_change_stops_the_run(bucket):
    """Where the key that is read again is the same, the run stops with what to check, and the text does not hold the key."""
    with two_keys() as emulator:
        emulator.faults(revoked_keys=[OLD], echo_keys=True)
        with pytest.raises(DeliveryRefused) as caught:
            send(bucket, emulator, [batch(named(75))], [OLD], revoked_after=0)
    assert "401" in str(caught.value)
    assert "Invalid API Key ***" in str(caught.value)
    assert OLD not in str(caught.value)
