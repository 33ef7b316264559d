"""What Braze keeps of a value: it takes the rest with a success answer and drops it without a word.

Source: Braze documentation, "Data types", "Nested custom attributes" and "Array of objects".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from personalize_connectors.connectors.braze.rules import RULES
from personalize_connectors.engine.item_documents import dump
from personalize_connectors.engine.nesting import is_deeper

LONGEST_TEXT = 255
LONGEST_ARRAY = 500
LARGEST_NESTED = 100 * 1024
DEEPEST = 50  # assumed: no page names a limit for attributes, catalogs have this one ("Create a catalog")

_SCALARS = frozenset((int, float, bool))
_NOT_IN_NAMES = frozenset(" .$")


def broken_rules(value: Any, *, attribute: bool) -> list[str]:
    """The rules of `RULES` that a value breaks; of one that is nested too deep nothing else is told.

    Args:
        value: As it would be sent.
        attribute: Whether it is an attribute of its own; an array inside another value may be longer.
    """
    if is_deeper(value, DEEPEST):
        return ["value_over_50_levels"]
    found = _inside(value)
    if isinstance(value, list | dict) and len(dump(without_nulls(value))) > LARGEST_NESTED:
        found.add("value_over_100_kb")
    if attribute and isinstance(value, list) and len(value) > LONGEST_ARRAY and _is_flat(value):
        found.add("array_over_500_elements")
    return [rule for rule in RULES if rule in found]


def are_short_scalars(values: Iterable[Any]) -> bool:
    """Whether all values are of the kind that breaks no rule, which nearly all are."""
    for value in values:
        kind = type(value)
        if kind is str:
            if len(value) > LONGEST_TEXT:
                return False
        elif kind not in _SCALARS:
            return False
    return True


def is_name(name: str) -> bool:
    """Whether a key of an object can be stored."""
    return len(name) <= LONGEST_TEXT and _NOT_IN_NAMES.isdisjoint(name)


def without_nulls(value: Any) -> Any:
    """A nested value without its nulls: one of them makes Braze drop the whole attribute."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(inner) for inner in value if inner is not None]
    return value


def _inside(value: Any) -> set[str]:
    found = set()
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if part is None:
            found.add("null_inside")
        elif isinstance(part, str):
            if len(part) > LONGEST_TEXT:
                found.add("text_over_255_characters")
        elif isinstance(part, list):
            waiting += part
        elif isinstance(part, dict) and part.keys() == {"$time"} and not isinstance(part["$time"], str):
            found.add("time_not_text")
        elif isinstance(part, dict):
            if part.keys() != {"$time"} and not all(map(is_name, part)):
                found.add("name_not_storable")
            waiting += part.values()
    return found


def _is_flat(elements: Collection[Any]) -> bool:
    return not any(isinstance(element, list | dict) for element in elements)
