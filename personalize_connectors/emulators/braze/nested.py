"""What is kept of an array or object, and what it costs (braze.md 2.1 and 2.2).

Kept is its JSON text: 50,000 profiles of 25 items each would otherwise be more than a million dicts.
"""

from __future__ import annotations

import re
from functools import lru_cache

import orjson

TEXT_CHARACTERS = 255
"""The longest string and nested key (documented, 2.1); a longer one is dropped, not cut (assumed, 1.10)."""

NESTED_BYTES = 100 * 1024
"""The largest array or object: 100 KB (documented, 2.1), as compact JSON and of 1,024 bytes each (assumed)."""

ARRAY_ELEMENTS = 500
"""The longest array of scalars (documented, 2.1)."""

_LONG_RUN = re.compile(rb'"[^"]{%d}' % (TEXT_CHARACTERS + 1))
_SCALARS = frozenset({str, int, float, bool})

Kept = tuple[bytes, int]
"""The JSON text that a profile keeps, and what it costs in data points."""


def kept_array(value: list[object]) -> Kept | None:
    """What a profile keeps of an array; None where Braze drops it without a word.

    An array of scalars is a set (documented, 2.1) and costs 1; another costs 1 for each key of each object
    (documented, 2.2). Assumed: one that is mixed is kept as it is, arrays inside objects too (1.10), an object
    inside an object is one key, nothing costs less than 1.
    """
    kinds = set(map(type, value))
    if kinds <= _SCALARS:
        unique = _unique(value, kinds)
        short = orjson.dumps(unique)
        # Text this short has no string in it that is too long: most arrays need no look at every element.
        fits = len(short) <= TEXT_CHARACTERS or _strings_fit(short) or _fits(unique, short)
        return (short, 1) if fits else None
    text = _text(value)
    if text is None:
        return None
    objects = [element for element in value if isinstance(element, dict)]
    points = sum(map(len, objects)) + len(value) - len(objects)
    fits = (len(objects) == len(value) and _are_plain(objects, text)) or _fits(value, text)
    return (text, points or 1) if fits else None


def kept_object(value: dict[str, object], merge_into: object = None) -> Kept | None:
    """What a profile keeps of an object, merged into the one it has; None where Braze drops it.

    It costs 1 for each of its keys (documented, 2.2), an empty one 1 (assumed).
    """
    text = _text(value)
    merged = value
    if text and isinstance(merge_into, bytes):
        merged = _merged(orjson.loads(merge_into), value)
        text = orjson.dumps(merged)
    return (text, len(value) or 1) if text and _fits(merged, text) else None


def _text(value: object) -> bytes | None:
    """The JSON text of a value; None for one that is nested too deep to be written.

    No depth is published (2.1); that such a value is dropped, and that the depth is orjson's 254, is assumed.
    """
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return None


def _fits(value: object, text: bytes) -> bool:
    return len(text) <= NESTED_BYTES and _storable(value)


def _strings_fit(text: bytes) -> bool:
    """Whether the text alone says that no string in it is too long and that it is no longer than it may be."""
    return len(text) <= NESTED_BYTES and b"\\" not in text and not _LONG_RUN.search(text)


def _are_plain(objects: list[dict[str, object]], text: bytes) -> bool:
    """Whether text and keys alone say that these objects can be stored, as nearly all can: `_storable` takes longer."""
    flat = text.count(b"{") == len(objects) and b"null" not in text and _strings_fit(text)
    return flat and all(map(_keys_fit, set(map(tuple, objects))))


def _storable(value: object) -> bool:
    """Whether no null (documented, 2.1), over-long string or illegal key (both assumed) is inside."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            if len(part) > TEXT_CHARACTERS:
                return False
        elif part is None:
            return False
        elif isinstance(part, dict):
            if not _keys_fit(tuple(part)):
                return False
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    return True


@lru_cache(maxsize=4096)
def _keys_fit(keys: tuple[str, ...]) -> bool:
    """Whether nested keys obey the naming rules; ``$time`` is the one dollar that a value has."""
    return keys == ("$time",) or not any(len(key) > TEXT_CHARACTERS or set(" .$") & set(key) for key in keys)


def _unique(values: list[object], kinds: set[type]) -> list[object]:
    """Unique values in the order of their first occurrence, the last 500 of them.

    A set and the limit are documented (2.1: "oldest fall off"); that a whole array loses its head, and that
    1, 1.0 and true are three values, is assumed.
    """
    if len(kinds) == 1:
        unique = list(dict.fromkeys(values))
    else:
        unique = list({(type(value), value): value for value in values}.values())
    return unique if len(unique) <= ARRAY_ELEMENTS else unique[-ARRAY_ELEMENTS:]


def _merged(old: object, new: dict[str, object]) -> dict[str, object]:
    """A deep merge (documented, 1.4): objects into objects, anything else replaced."""
    if not isinstance(old, dict):
        return new
    changed = {
        key: _merged(old.get(key), value) if isinstance(value, dict) else value for key, value in new.items()
    }
    return {**old, **changed}
