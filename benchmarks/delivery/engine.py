"""Our delivery engine as a client: `deliver()` with its receipts, write-ahead record and journal in a local bucket."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pyarrow.compute as pc
import pyarrow.dataset as ds

from benchmarks.delivery.processes import Spell, clocked
from benchmarks.delivery.records import ready, rendered
from personalize_connectors.connectors.braze import CONNECTOR
from personalize_connectors.connectors.braze.settings import BrazeSettings, limits
from personalize_connectors.connectors.exchange import Limits
from personalize_connectors.connectors.settings import RateWindow
from personalize_connectors.delivery.order import Order, Pace
from personalize_connectors.delivery.parcels import Parcel
from personalize_connectors.delivery.receipts import Places, ReceiptWriter
from personalize_connectors.delivery.report import DeliveryReport
from personalize_connectors.delivery.sender import deliver
from personalize_connectors.delivery.write_ahead import WriteAhead
from personalize_connectors.storage import open_storage

_PLACES = Places("receipts", "dead_letters")


def send_ready(url: str, size: int, seconds: float) -> Spell:
    """Send parcels that were rendered before."""
    return _unlimited(url, BrazeSettings(), ready(size, seconds))


def send_rendered(url: str, settings: BrazeSettings, seconds: float) -> Spell:
    """Send users that are rendered on the way."""
    return _unlimited(url, settings, rendered(settings, seconds))


def send_limited(url: str, window: RateWindow, seconds: float) -> tuple[DeliveryReport, Counter[int]]:
    """Send ids within a rate window: the report, and how many requests were accepted in which window."""
    settings = BrazeSettings(payload="ids", rateLimit=[window])
    with tempfile.TemporaryDirectory() as root:
        report = _deliver(root, url, limits(settings), rendered(settings, seconds))
        receipts = ds.dataset(f"{root}/{_PLACES.receipts}").to_table()
    accepted = receipts.filter(pc.equal(receipts["status"], "accepted"))
    moments = accepted.group_by("request").aggregate([("answered_at", "min")])["answered_at_min"]
    return report, Counter(int(moment.timestamp() // window.seconds) for moment in moments.to_pylist())


def _unlimited(url: str, settings: BrazeSettings, parcels: Iterable[Parcel]) -> Spell:
    def send() -> tuple[int, int]:
        with tempfile.TemporaryDirectory() as root:
            report = _deliver(root, url, replace(limits(settings), windows=()), parcels)
        return report.requests, report.body_bytes

    return clocked(send)


def _deliver(root: str, url: str, within: Limits, parcels: Iterable[Parcel]) -> DeliveryReport:
    """Deliver as `braze_sync` does."""
    bucket, report = open_storage(root), DeliveryReport()
    destination = CONNECTOR.destination({"BRAZE_REST_ENDPOINT_URL": url, "BRAZE_API_KEY": "emulator-key"})
    with (
        WriteAhead(bucket, "in_flight") as ahead,
        ReceiptWriter(bucket, _PLACES, ahead.delivery, report) as receipts,
    ):
        deliver(Order(CONNECTOR, destination, within, receipts, ahead, report, Pace()), parcels)
    return report
