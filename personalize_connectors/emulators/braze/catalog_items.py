"""Which items a catalog takes, and what it keeps of them (braze.md 3.1)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from personalize_connectors.emulators.braze.attribute_types import IGNORED, AttributeType, coerced
from personalize_connectors.emulators.braze.catalog_errors import CatalogError

ITEMS_OF_A_REQUEST = 50
"""The most items in one call (documented, 3.1)."""

NAME_CHARACTERS, VALUE_CHARACTERS, ARRAY_ELEMENTS, OBJECT_LEVELS = 250, 5_000, 100, 50
"""The longest id, name and value, the longest string array, the deepest object (documented, 3.1)."""

NAME = re.compile(r"[A-Za-z0-9_-]+")
"""Letters, digits, hyphen and underscore, as ids and names have them (documented, 3.1)."""

Fields = Mapping[str, AttributeType]
Item = dict[str, object]


def unreadable_items(items: object, most: int) -> list[CatalogError]:
    """What is wrong with a call before any item is looked at; no items is no array of objects (assumed)."""
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        return [CatalogError("item-array-invalid")]
    return [CatalogError("request-includes-too-many-items")] if len(items) > most else []


def id_errors(items: list[Item]) -> list[CatalogError]:
    """What is wrong with the ids of the items.

    Codes and rules are documented (3.1); one entry for each code, naming every id that it is about, is assumed.
    """
    ids = [item.get("id") for item in items]
    missing = sum(one in {None, ""} for one in ids if not isinstance(one, dict | list))
    if missing:
        return [CatalogError("items-missing-ids", text=f"There are {missing} item(s) that do not have ids")]
    wrong = [one for one in ids if not isinstance(one, str)]
    if wrong:
        return [CatalogError("ids-not-strings", ("id",), wrong)]
    texts = [one for one in ids if isinstance(one, str)]
    found = {
        "ids-not-unique": [one for one, count in Counter(texts).items() if count > 1],
        "ids-too-large": [one for one in texts if len(one) > NAME_CHARACTERS],
        "invalid-ids": [one for one in texts if not NAME.fullmatch(one)],
    }
    return [CatalogError(code, ("id",), list(which)) for code, which in found.items() if which]


def read_items(fields: Fields, items: list[Item], *, edits: bool) -> tuple[list[Item], list[CatalogError]]:
    """The items as the catalog keeps them, or what is wrong with their values.

    A null leaves a field empty (assumed).

    Args:
        fields: the catalog's.
        items: each with its id.
        edits: whether arrays take ``$add`` and ``$remove`` (documented, 3.1).
    """
    wrong: dict[str, list[object]] = {}
    kept: list[Item] = []
    for item in items:
        if not fields.keys() >= item.keys():
            wrong.setdefault("invalid-fields", []).append(item["id"])
            continue
        read = {name: _read(fields[name], value, edits=edits) for name, value in item.items()}
        for name, value in read.items():
            if isinstance(value, _Wrong):
                named = {"id": item["id"], "field": name} if value is NO_TYPE else item["id"]
                wrong.setdefault(value.code, []).append(named)
        kept.append(read)
    return kept, [_error(code, values) for code, values in wrong.items()]


def edited(item: Item, changes: Item) -> Item:
    """An item with changes to it; a null empties a field (assumed)."""
    return {**item, **{name: _changed(item.get(name), value) for name, value in changes.items()}}


def without_empty(item: Item) -> Item:
    """An item without the fields that are empty: that they are not read back is assumed."""
    return {name: value for name, value in item.items() if value is not None}


@dataclass(frozen=True)
class _Wrong:
    """A value that a catalog does not take."""

    code: str


NO_TYPE, TOO_LARGE = _Wrong("unable-to-coerce-value"), _Wrong("items-too-large")
TOO_DEEP, BAD_KEY = _Wrong("too-deep-nesting-in-value-object"), _Wrong("invalid-keys-in-value-object")


def _error(code: str, values: list[object]) -> CatalogError:
    if code == NO_TYPE.code:
        return CatalogError(code, ("id", "field"), values)
    return CatalogError(code, ("id",), list(dict.fromkeys(values)))


def _read(kind: AttributeType, value: object, *, edits: bool) -> object:
    """The value of a field, or what is wrong with it; an array holds strings (documented, 3.1)."""
    if value is None:
        return None
    if (
        edits
        and kind == "array"
        and isinstance(value, dict)
        and value
        and value.keys() <= {"$add", "$remove"}
    ):
        parts = {
            name: NO_TYPE if part is None else _read(kind, part, edits=False) for name, part in value.items()
        }
        return next((part for part in parts.values() if isinstance(part, _Wrong)), parts)
    fit = coerced(kind, value)
    if fit is IGNORED or (isinstance(fit, list) and not all(isinstance(one, str) for one in fit)):
        return NO_TYPE
    return _object_problem(fit) or _size_problem(fit) or fit


def _size_problem(value: object) -> _Wrong | None:
    """Too long: a string, or the JSON text of an object (that it is the text's length is assumed, 3.1)."""
    if isinstance(value, list):
        too_long = any(len(one) > VALUE_CHARACTERS for one in value)
        return TOO_LARGE if too_long or len(value) > ARRAY_ELEMENTS else None
    text = orjson.dumps(value).decode() if isinstance(value, dict) else value
    return TOO_LARGE if isinstance(text, str) and len(text) > VALUE_CHARACTERS else None


def _object_problem(value: object) -> _Wrong | None:
    """Too deep, or a key with a dot or a dollar; arrays count as levels too (assumed)."""
    waiting: list[tuple[object, int]] = [(value, 1)] if isinstance(value, dict) else []
    while waiting:
        part, level = waiting.pop()
        if level > OBJECT_LEVELS:
            return TOO_DEEP
        if isinstance(part, dict) and any("." in key or "$" in key for key in part):
            return BAD_KEY
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        waiting += [(one, level + 1) for one in inner if isinstance(one, dict | list)]
    return None


def _changed(old: object, new: object) -> object:
    if not isinstance(new, dict) or not new.keys() & {"$add", "$remove"}:
        return new
    kept = [one for one in (old if isinstance(old, list) else []) if one not in new.get("$remove", [])]
    return kept + new.get("$add", [])
