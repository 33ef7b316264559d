"""What is sent: generated users with 25 items each, rendered on the way; or parcels of a size, rendered beforehand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import cycle

import numpy as np
import orjson
import pyarrow as pa

from personalize_connectors.connectors.braze import CONNECTOR
from personalize_connectors.connectors.braze.settings import MOST_OBJECTS, BrazeSettings
from personalize_connectors.connectors.protocol import Fields
from personalize_connectors.delivery.parcels import Parcel
from personalize_connectors.demo.products import catalogue
from personalize_connectors.demo.size import ShopSize
from personalize_connectors.engine.item_documents import Selection, render
from personalize_connectors.engine.item_metadata import read_metadata
from personalize_connectors.engine.items import Items
from personalize_connectors.engine.lines import line_batches

_USERS, _PARCELS = 200 * MOST_OBJECTS, 20
_ITEMS, _LONGEST = 5_000, 25
_CALL = CONNECTOR.call(BrazeSettings(), False)  # noqa: FBT003 - of records to write


def rendered(settings: BrazeSettings, seconds: float) -> Iterator[Parcel]:
    """Parcels of 15,000 users for so many seconds, each rendered when it is asked for; the same users come again."""
    shop = catalogue(ShopSize(items=_ITEMS), 0)
    lines = [orjson.dumps(product, option=orjson.OPT_APPEND_NEWLINE) for product in shop.products if product]
    items = Items(pa.array(shop.ids, pa.string()), read_metadata(line_batches([lines]), ["products.json"]))
    fields = settings.itemMetadataFields
    selection = Selection(None if fields is None else tuple(fields))
    documents = render(items, selection, lambda item: _payload(settings, item))
    draw = CONNECTOR.renderer(settings, documents, _LONGEST)
    lists, added = _lists(shop.ids), pa.repeat("added", _USERS)
    made = (
        Parcel(users, draw(users.append_column("items", lists).append_column("change", added)), _CALL)
        for users in cycle(_users())
    )
    return _for(seconds, made)


def ready(size: int, seconds: float) -> Iterator[Parcel]:
    """Parcels of 15,000 users for so many seconds, with 75 records of about `size` bytes; the same users come again."""
    bodies = of_size(size).bodies
    parcels = [Parcel(users, bodies, _CALL) for users in _users()]
    return _for(seconds, cycle(parcels))


def of_size(size: int) -> Parcel:
    """A parcel with 75 records of about `size` bytes."""
    (users,) = _users(1)
    filling = "x" * (size // MOST_OBJECTS - len('{"external_id":"0123456789","text":""},'))
    fragments = [
        f'{{"external_id":"{user}","text":"{filling}"}},'.encode() for user in users["user_id"].to_pylist()
    ]
    return Parcel(users, pa.array(fragments, pa.large_binary()), _CALL)


def _users(parcels: int = _PARCELS) -> list[pa.RecordBatch]:
    """Users of parcels, in the columns that a receipt wants."""
    random = np.random.default_rng(7)
    return [
        pa.record_batch(
            {
                "user_id": pa.array(random.integers(10**9, 10**10, _USERS)).cast(pa.string()),
                "fingerprint": [random.bytes(16) for _ in range(_USERS)],
                "points": np.ones(_USERS, np.int64),
            }
        )
        for _ in range(parcels)
    ]


def _lists(item_ids: list[str]) -> pa.ListArray:
    """25 of these items for each user of a parcel."""
    places = np.random.default_rng(8).integers(0, len(item_ids), _USERS * _LONGEST)
    return pa.ListArray.from_arrays(
        np.arange(_USERS + 1) * _LONGEST, pa.array(item_ids).take(pa.array(places))
    )


def _payload(settings: BrazeSettings, item: Fields) -> tuple[bytes, list[tuple[str, str]]]:
    return CONNECTOR.payload(settings, item).text, []


def _for(seconds: float, parcels: Iterator[Parcel]) -> Iterator[Parcel]:
    end = time.perf_counter() + seconds
    for parcel in parcels:
        yield parcel
        if time.perf_counter() >= end:
            return
