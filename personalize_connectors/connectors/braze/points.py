"""What Braze bills ("Data points"): one for an attribute, or one for each key of each object, changed or not, null or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from personalize_connectors.connectors.braze.attributes import everything, field_names
from personalize_connectors.connectors.braze.settings import BrazeSettings
from personalize_connectors.connectors.protocol import DataPoints, Fields, Ints
from personalize_connectors.engine.item_documents import column

_AT_ONCE = 4096


def data_points(settings: BrazeSettings, documents: pa.Table, longest: int) -> DataPoints:
    """What users with lists up to so many of these items cost.

    Of `arrays` it is the most that a user can cost: a field that none of the user's items has is not sent. Users who have
    `flat` attributes get all of them again, for what falls away must be unset, which is billed too: one for each, and a
    nested value for its further keys.
    """
    removal = len(everything(settings, documents, longest))
    per_user = sum(map(_cost, settings.otherAttributes.values()))
    if settings.payload == "ids":
        return DataPoints(per_user + 1, np.zeros(len(documents), np.int64), per_removal=removal)
    if settings.payload == "objects":
        return DataPoints(per_user, _of_each(documents, len), per_removal=removal)
    names = set(field_names(settings, _items(documents)))
    if settings.payload == "flat":
        per_item = _of_each(documents, lambda item: sum(map(_cost, item.values())))
        known_user = per_user + longest * len(names)
        return DataPoints(per_user, per_item, known_user, removal, per_item - _of_each(documents, len))
    there: set[str] = set()
    nested: set[str] = set()
    for item in _items(documents):
        there |= names & item.keys()
        nested |= {name for name in names & item.keys() if isinstance(item[name], dict | list)}
    per_user += len(there) - len(nested)
    per_item = _of_each(documents, lambda item: sum(_keys(item[name]) for name in nested & item.keys()))
    return DataPoints(per_user, per_item, per_removal=removal)


def _items(documents: pa.Table) -> Iterator[Fields]:
    """What is delivered of each item, parsed; no more than some of them are held."""
    payloads = column(documents, "payload")
    for start in range(0, len(payloads), _AT_ONCE):
        yield from map(orjson.loads, payloads.slice(start, _AT_ONCE).to_pylist())


def _of_each(documents: pa.Table, number: Callable[[Fields], int]) -> Ints:
    return np.fromiter(map(number, _items(documents)), np.int64, len(documents))


def _cost(value: Any) -> int:
    if isinstance(value, list) and any(isinstance(element, dict | list) for element in value):
        return sum(map(_keys, value)) or 1
    return _keys(value) or 1


def _keys(value: Any) -> int:
    return len(value) if isinstance(value, dict) else 1
