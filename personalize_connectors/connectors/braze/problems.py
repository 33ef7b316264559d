"""What is wrong with a block `connectors.braze` that its model alone cannot see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from personalize_connectors.connectors.braze.attributes import RESERVED, of_items
from personalize_connectors.connectors.braze.rules import RULES
from personalize_connectors.connectors.braze.settings import MOST_OBJECTS, BrazeSettings
from personalize_connectors.connectors.braze.values import LONGEST_TEXT, broken_rules

_FLAT = re.compile(r"\d+_.+")


def problems(settings: BrazeSettings) -> list[tuple[str, str]]:
    """What Braze would not store, what two values would fight for, and what has no meaning: the path, and why."""
    found = list(_prefix_problems(settings))
    for key, value in settings.otherAttributes.items():
        if problem := _attribute_problem(settings, key, value):
            found.append((f"otherAttributes.{key}", problem))
    if settings.catalogIds and settings.payload != "ids":
        found.append(
            ("catalogIds", f"has no meaning with payload {settings.payload}; only ids sends ids alone")
        )
    if settings.recordsPerRequest and settings.recordsPerRequest > MOST_OBJECTS:
        text = f"is {settings.recordsPerRequest}; Braze takes at most {MOST_OBJECTS} objects in a request"
        found.append(("recordsPerRequest", text))
    return found


def _prefix_problems(settings: BrazeSettings) -> Iterator[tuple[str, str]]:
    prefix = settings.attributePrefix
    if prefix[0] in "_$" or prefix.strip() != prefix:
        yield (
            "attributePrefix",
            "Braze takes names that begin with _ for flags and strips spaces; begin with a letter",
        )
    for name in sorted(of_items(settings) & RESERVED):
        yield (
            "attributePrefix",
            f"makes the attribute {name!r}, a field of Braze's own profile; choose another prefix",
        )


def _attribute_problem(settings: BrazeSettings, key: str, value: Any) -> str | None:
    if problem := _name_problem(settings, key):
        return problem
    if value is None:
        return "is null, which would remove the attribute from every user; leave it out"
    if broken := broken_rules(value, attribute=True):
        return f"holds {RULES[broken[0]].text}, which Braze drops without a word"
    return None


def _name_problem(settings: BrazeSettings, key: str) -> str | None:
    prefix, rest = settings.attributePrefix, key.removeprefix(settings.attributePrefix)
    open_arrays = settings.payload == "arrays" and settings.itemMetadataFields is None
    flat = settings.payload == "flat" and _FLAT.fullmatch(rest)
    if key in of_items(settings) or (key.startswith(prefix) and (open_arrays or flat)):
        return f"is also written by the recommendations (they begin with {prefix!r}); choose another name"
    if key.lower() in RESERVED:
        return "is a field of Braze's own profile, not a custom attribute; choose another name"
    if not key or key.strip() != key or key[0] in "_$":
        return (
            "is no name for a custom attribute: Braze takes names with _ in front for flags and strips spaces"
        )
    if len(key) > LONGEST_TEXT:
        return f"is a name of {len(key)} characters; Braze takes {LONGEST_TEXT}"
    return None
