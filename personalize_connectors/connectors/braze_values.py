"""What Braze keeps of a value: it takes the rest with a success answer and drops it without a word.

Source: Braze documentation, "Data types", "Nested custom attributes" and "Array of objects".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LONGEST_TEXT = 255
LARGEST_LIST = 100 * 1024
_NOT_IN_KEYS = " .$"


def kept(fields: Mapping[str, Any]) -> dict[str, Any]:
    """An item's fields without those that would make Braze drop the whole list, and without nested nulls."""
    return {name: without_nulls(value) for name, value in fields.items() if why_dropped(name, value) is None}


def left_out(fields: Mapping[str, Any]) -> list[str]:
    """The fields that `kept` leaves out, each with the reason."""
    found = ((name, why_dropped(name, value)) for name, value in fields.items())
    return [f"{name}: {reason}" for name, reason in found if reason]


def why_dropped(key: str, value: Any) -> str | None:
    """Why Braze would not store a value under a key of an object; None where it would."""
    if len(key) > LONGEST_TEXT or any(sign in key for sign in _NOT_IN_KEYS):
        return "a name over 255 characters, or with a space, a dot or a dollar sign"
    if isinstance(value, str):
        return "a text over 255 characters" if len(value) > LONGEST_TEXT else None
    if isinstance(value, list):
        return next((reason for element in value if (reason := why_dropped("", element))), None)
    if isinstance(value, dict) and value.keys() == {"$time"}:
        return None if isinstance(value["$time"], str) else "a $time that is no text"
    if isinstance(value, dict):
        return next((reason for name, inner in value.items() if (reason := why_dropped(name, inner))), None)
    return None


def without_nulls(value: Any) -> Any:
    """A nested value without its nulls: one of them makes Braze drop the whole attribute."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(inner) for inner in value if inner is not None]
    return value
