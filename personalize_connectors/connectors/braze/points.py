"""What Braze bills ("Data points"): one for an attribute, or one for each key of each object, changed or not, null or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from personalize_connectors.connectors.braze.attributes import everything, field_names
from personalize_connectors.connectors.braze.settings import BrazeSettings
from personalize_connectors.connectors.protocol import DataPoints
from personalize_connectors.connectors.rows import column


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
    items = [orjson.loads(text) for text in column(documents, "payload").to_pylist()]
    names = field_names(settings, items)
    if settings.payload == "flat":
        costs = [sum(map(_cost, item.values())) for item in items]
        beyond_one = [cost - len(item) for cost, item in zip(costs, items, strict=True)]
        known_user = per_user + longest * len(names)
        per_item = np.array(costs, np.int64)
        return DataPoints(per_user, per_item, known_user, removal, np.array(beyond_one, np.int64))
    if settings.payload == "arrays":
        there = {name for item in items for name in item} & set(names)
        nested = {name for name in there if any(isinstance(item.get(name), dict | list) for item in items)}
        per_user += len(there) - len(nested)
        costs = [sum(_keys(item[name]) for name in nested & item.keys()) for item in items]
    else:
        costs = [len(item) for item in items]
    return DataPoints(per_user, np.array(costs, np.int64), per_removal=removal)


def _cost(value: Any) -> int:
    if isinstance(value, list) and any(isinstance(element, dict | list) for element in value):
        return sum(map(_keys, value)) or 1
    return _keys(value) or 1


def _keys(value: Any) -> int:
    return len(value) if isinstance(value, dict) else 1
