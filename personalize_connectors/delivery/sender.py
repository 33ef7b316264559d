"""The delivery engine: requests of as many records as a destination takes, at its rate, and a receipt for each record.

The caller's thread makes the records; an event loop in a thread of its own sends them (`sending.py`), so that rendering
and waiting overlap.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from personalize_connectors.delivery.order import Order
from personalize_connectors.delivery.parcels import Parcel, cut
from personalize_connectors.delivery.sending import Sending

# Requests of one plan of the write-ahead record: what is uncertain at the most after the loss of a machine.
_SLICE = 200


def deliver(what: Order, parcels: Iterable[Parcel], progress: Callable[[int], None] = lambda _: None) -> None:
    """Send parcels of any size, cut into requests; `progress` hears how many records have an outcome.

    Raises:
        DeliveryRefused: the destination takes nothing from us; what to check.
        DestinationUnavailable: it did not answer as it should for too long. What was accepted by then is in the receipts.
        DeliveryBusy: the lease is lost.
    """
    sending = Sending(what)
    loop = threading.Thread(target=sending.run, name="send", daemon=True)
    loop.start()
    try:
        for parcel in parcels:
            requests = list(cut(parcel, *sending.room()))
            for start in range(0, len(requests), _SLICE):
                if not sending.take(what.ahead.plan(requests[start : start + _SLICE])):
                    break
                progress(sending.concluded)
            if sending.ended.done():
                break
        sending.take(None)
        sending.ended.result()
    finally:
        sending.halt()
        loop.join()
        sending.close()
    progress(sending.concluded)
