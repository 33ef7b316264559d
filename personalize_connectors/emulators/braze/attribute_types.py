"""Types of attributes and catalog fields: which values fit, and which can be made to fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Literal

import orjson

AttributeType = Literal["string", "number", "boolean", "time", "array", "object", "object_array"]

IGNORED: Final = object()
"""In place of a value that is dropped without a word."""


def coerced(kind: AttributeType, value: object) -> object:
    """The value as one of this type, or ``IGNORED``.

    That it is coerced where that is possible is documented (2.1); which values that is, is assumed: numbers and
    booleans from the strings that look like them, booleans from 0 and 1, strings from any scalar.
    """
    return _COERCIONS[kind](value)


def detected(value: object) -> AttributeType | None:
    """The type of a first value; None for an empty array, which says nothing (assumed).

    A string that looks like a date is a time (documented, 2.1).
    """
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "time" if _is_time(value) else "string"
    if isinstance(value, dict):
        return "object"
    if not isinstance(value, list) or not value:
        return None
    return "object_array" if all(isinstance(one, dict) for one in value) else "array"


class AttributeRules:
    """What the workspace decides about attributes by their name. It learns types where it is told to."""

    def __init__(self, blocked: frozenset[str], types: Mapping[str, AttributeType], *, learns: bool) -> None:
        self._blocked = blocked
        self._types = dict(types)
        self._learns = learns
        self.any = bool(blocked or types or learns)

    def admitted(self, name: str, value: object) -> object:
        """The value to write, or ``IGNORED``.

        Blocked attributes are ignored and free (documented, 2.1), null included (assumed). The first value fixes
        the type (documented, 2.1) where the settings say so; a null neither fixes nor has one (assumed).
        """
        if name in self._blocked:
            return IGNORED
        if value is None:
            return None
        kind = self._types.get(name)
        if kind is not None:
            return coerced(kind, value)
        if self._learns and (kind := detected(value)):
            self._types[name] = kind
        return value


def _is_time(text: str) -> bool:
    if len(text) < len("2026-01-01") or not text[:4].isdigit() or text[4] != "-":
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _string(value: object) -> object:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else IGNORED


def _number(value: object) -> object:
    if isinstance(value, bool):
        return IGNORED
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str):
        return IGNORED
    try:
        number = orjson.loads(value)
    except orjson.JSONDecodeError:
        return IGNORED
    return number if type(number) in {int, float} else IGNORED


def _boolean(value: object) -> object:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower(), IGNORED)
    return bool(value) if isinstance(value, bool | int | float) and value in {0, 1} else IGNORED


def _time(value: object) -> object:
    return value if isinstance(value, str) and _is_time(value) else IGNORED


def _array(value: object) -> object:
    scalars = isinstance(value, list) and not any(isinstance(one, dict | list) for one in value)
    return value if scalars else IGNORED


def _object(value: object) -> object:
    return value if isinstance(value, dict) else IGNORED


def _object_array(value: object) -> object:
    return value if isinstance(value, list) and all(isinstance(one, dict) for one in value) else IGNORED


_COERCIONS: dict[AttributeType, Callable[[object], object]] = {
    "string": _string,
    "number": _number,
    "boolean": _boolean,
    "time": _time,
    "array": _array,
    "object": _object,
    "object_array": _object_array,
}
