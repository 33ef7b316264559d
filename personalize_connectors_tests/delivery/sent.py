"""Sending as tests of the delivery engine do it: to the Braze emulator, and what is left in the bucket."""

from __future__ import annotations

import json
from dataclasses import replace

import pyarrow as pa

from personalize_connectors.connectors.braze import CONNECTOR, BrazeSettings
from personalize_connectors.connectors.exchange import Call
from personalize_connectors.delivery.client import Timeouts
from personalize_connectors.delivery.order import Order, Pace
from personalize_connectors.delivery.parcels import Parcel
from personalize_connectors.delivery.receipts import Places, ReceiptWriter
from personalize_connectors.delivery.report import DeliveryReport
from personalize_connectors.delivery.sender import deliver
from personalize_connectors.delivery.write_ahead import WriteAhead
from personalize_connectors_tests.delivery.receipt_rows import read

USERS = pa.schema([("user_id", pa.string()), ("fingerprint", pa.binary()), ("points", pa.int64())])
PACE = Pace(in_flight=2, first_wait=0.001, longest_wait=0.01, budget=60, timeouts=Timeouts(2.0, 5.0))
ONE = replace(PACE, in_flight=1)
IMPATIENT = replace(PACE, budget=0.05)
CALL = Call("POST", "/users/track")
BRAZE_LIMITS = replace(CONNECTOR.limits(BrazeSettings()), windows=())
PLACES = Places("receipts", "dead_letters")


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


def letters(bucket):
    """All dead letters."""
    return [
        json.loads(line)
        for found in bucket.objects("dead_letters")
        for line in bucket.read(found.path).splitlines()
    ]
