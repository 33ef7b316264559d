"""What a Braze catalog takes of an item's fields: it refuses the whole request for one value that it does not take.

Source: Braze documentation, "Create a catalog" and the troubleshooting tables of the catalog endpoints.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

import orjson

from personalize_connectors.connectors.braze.values import without_nulls
from personalize_connectors.connectors.protocol import FIELD_ACTIONS, RECORD_ACTIONS, Finding, Rule
from personalize_connectors.engine.item_documents import dump

FieldType = Literal["string", "number", "boolean", "time", "object", "array"]

LONGEST_NAME, LONGEST_VALUE, MOST_ELEMENTS, DEEPEST = 250, 5_000, 100, 50
NAME = re.compile(r"[A-Za-z0-9_-]+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

RULES: Mapping[str, Rule] = {
    "name_not_storable": Rule(
        "a field name over 250 characters, or of others than letters, digits, - and _", FIELD_ACTIONS
    ),
    "not_of_the_type": Rule("a value that cannot be of the type that fieldTypes names", FIELD_ACTIONS),
    "value_over_5000_characters": Rule(
        "a text over 5,000 characters, or an object whose JSON text is", FIELD_ACTIONS
    ),
    "array_over_100_elements": Rule("an array of over 100 elements", FIELD_ACTIONS),
    "array_not_of_texts": Rule("an array with an element that is no text", FIELD_ACTIONS),
    "object_over_50_levels": Rule("an object of over 50 levels", FIELD_ACTIONS),
    "key_not_storable": Rule("an object with a dot or a dollar sign in a key", FIELD_ACTIONS),
    "id_too_long": Rule("an item id that takes over 250 characters in a catalog", RECORD_ACTIONS),
}


def taken(
    fields: Mapping[str, Any], types: Mapping[str, FieldType]
) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """An item's fields as a catalog takes them, without those that break a rule, and which those are.

    Values of the fields in `types` become values of that type where they can. Nulls are left out.
    """
    kept: dict[str, Any] = {}
    findings = []
    for name, value in fields.items():
        if value is None:
            continue
        fit = _TYPES[types[name]](value) if name in types else value
        if rule := _broken_rule(name, fit):
            findings.append(Finding(rule, name))
        else:
            kept[name] = without_nulls(fit)
    return kept, tuple(findings)


def kind(value: Any) -> FieldType:
    """The type of field that holds such a value; a time looks like any text."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, dict):
        return "object"
    return "array" if isinstance(value, list) else "string"


def _broken_rule(name: str, value: Any) -> str | None:
    if value is None:
        return "not_of_the_type"
    if len(name) > LONGEST_NAME or not NAME.fullmatch(name):
        return "name_not_storable"
    if isinstance(value, list):
        return _broken_by_array([element for element in value if element is not None])
    if isinstance(value, dict) and (rule := _broken_by_object(value)):
        return rule
    text = dump(without_nulls(value)).decode() if isinstance(value, dict) else value
    return "value_over_5000_characters" if isinstance(text, str) and len(text) > LONGEST_VALUE else None


def _broken_by_array(elements: list[Any]) -> str | None:
    if not all(isinstance(element, str) for element in elements):
        return "array_not_of_texts"
    if len(elements) > MOST_ELEMENTS:
        return "array_over_100_elements"
    return "value_over_5000_characters" if any(len(element) > LONGEST_VALUE for element in elements) else None


def _broken_by_object(value: dict[str, Any]) -> str | None:
    """Arrays count as levels too (assumed)."""
    parts: list[Any] = [value]
    for _ in range(DEEPEST):
        if any("." in key or "$" in key for part in parts if isinstance(part, dict) for key in part):
            return "key_not_storable"
        inner = [one for part in parts for one in (part.values() if isinstance(part, dict) else part)]
        parts = [one for one in inner if isinstance(one, dict | list)]
    return "object_over_50_levels" if parts else None


def _string(value: Any) -> str:
    return value if isinstance(value, str) else dump(value).decode()


def _number(value: Any) -> int | float | None:
    found = _read(value) if isinstance(value, str) else value
    return found if kind(found) == "number" else None


def _boolean(value: Any) -> bool | None:
    found = _read(value.lower()) if isinstance(value, str) else value
    return found if isinstance(found, bool) else None


def _time(value: Any) -> str | None:
    """An ISO 8601 text ("Create a catalog", data types)."""
    if not isinstance(value, str) or not _DATE.match(value):
        return None
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return None
    return value


def _read(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


_TYPES: Mapping[FieldType, Callable[[Any], Any]] = {
    "string": _string,
    "number": _number,
    "boolean": _boolean,
    "time": _time,
    "object": lambda value: value if isinstance(value, dict) else None,
    "array": lambda value: value if isinstance(value, list) else None,
}
