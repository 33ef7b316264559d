"""The attributes on a profile that a job writes: `<n>` and `<field>` stand where the data decides.

`objects` and `ids`: `<prefix>items`. `flat`: `<prefix>1_name`, `<prefix>1_price`, ... `arrays`: `<prefix>name`, ...
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import orjson
import pyarrow as pa

from personalize_connectors.connectors.braze.settings import BrazeSettings, Payload
from personalize_connectors.connectors.braze.values import LONGEST_TEXT, is_name
from personalize_connectors.connectors.protocol import Fields

# Profile fields that Braze interprets instead of storing them as custom attributes ("User attributes object").
RESERVED = frozenset(
    [
        "braze_id",
        "country",
        "current_location",
        "date_of_first_session",
        "date_of_last_session",
        "dob",
        "email",
        "email_open_tracking_disabled",
        "email_click_tracking_disabled",
        "email_subscribe",
        "external_id",
        "facebook",
        "first_name",
        "gender",
        "home_city",
        "language",
        "last_name",
        "marked_email_as_spam_at",
        "phone",
        "push_subscribe",
        "push_tokens",
        "subscription_groups",
        "time_zone",
        "twitter",
        "user_alias",
    ]
)
_LAST_PLACE = 500

USER_ID = "external_id"
UPDATE_ONLY = "_update_existing_only"


def attributes(settings: BrazeSettings) -> frozenset[str]:
    """All attributes that are written."""
    return of_items(settings) | frozenset(settings.otherAttributes)


def constants(settings: BrazeSettings) -> Fields:
    """What every user's attributes object holds."""
    flag = {UPDATE_ONLY: True} if settings.updateExistingOnly else {}
    return {**flag, **settings.otherAttributes}


def of_items(settings: BrazeSettings) -> frozenset[str]:
    """The attributes that the items are written to."""
    if settings.payload in ("objects", "ids"):
        return frozenset([f"{settings.attributePrefix}items"])
    wanted = settings.itemMetadataFields
    fields = _with_item_id(wanted if wanted is not None else ["<field>"])
    return frozenset(_attribute(settings, "<n>", field) for field in fields)


def can_be_written(settings: BrazeSettings, field: str) -> bool:
    """Whether a field of an item can stand on the profile under the name that the payload shape gives it."""
    if settings.payload == "objects":
        return is_name(field)
    attribute = _attribute(settings, _LAST_PLACE, field)
    return is_name(field) and len(attribute) <= LONGEST_TEXT and attribute not in RESERVED


def all_can_be_written(settings: BrazeSettings, fields: tuple[str, ...]) -> bool:
    """Whether all fields of an item can; most items have the same ones."""
    return _all_can_be_written(settings.payload, settings.attributePrefix, fields)


@lru_cache(maxsize=1024)
def _all_can_be_written(payload: Payload, prefix: str, fields: tuple[str, ...]) -> bool:
    settings = BrazeSettings(payload=payload, attributePrefix=prefix)
    return all(can_be_written(settings, field) for field in fields)


def field_names(settings: BrazeSettings, items: Iterable[Iterable[str]]) -> list[str]:
    """The fields of `flat` and `arrays` in their order, the item's id last."""
    wanted = settings.itemMetadataFields
    names = dict.fromkeys(name for item in items for name in item) if wanted is None else wanted
    return _with_item_id([name for name in names if can_be_written(settings, name)])


def everything(settings: BrazeSettings, documents: pa.Table, longest: int) -> list[str]:
    """Every attribute that users with lists up to so many of these items can have."""
    others = list(settings.otherAttributes)
    if settings.payload in ("objects", "ids"):
        return [*others, *of_items(settings)]
    payloads = documents["payload"].to_pylist() if settings.itemMetadataFields is None else []
    fields = field_names(settings, map(orjson.loads, payloads))
    places = range(1, longest + 1) if settings.payload == "flat" else range(1)
    return others + [_attribute(settings, place, field) for place in places for field in fields]


def _attribute(settings: BrazeSettings, place: object, field: str) -> str:
    return f"{settings.attributePrefix}{f'{place}_' if settings.payload == 'flat' else ''}{field}"


def _with_item_id(names: Sequence[str]) -> list[str]:
    return [*(name for name in names if name != "itemId"), "itemId"]
