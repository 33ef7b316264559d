"""What a profile does with an attributes object, and what that costs (braze.md 2.1 and 2.2).

A value that does not fit is dropped without a word (documented, 1.6), and costs nothing (assumed). Not
emulated: operators (``inc``, ``add``, ``$add``, ``$update``), and the form in which Braze writes times back.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import orjson

from personalize_connectors.emulators.braze.attribute_types import IGNORED, AttributeRules
from personalize_connectors.emulators.braze.nested import TEXT_CHARACTERS, kept_array, kept_object

IDENTIFIERS = frozenset({"external_id", "braze_id", "user_alias"})

PROFILE_FIELDS = frozenset(
    {
        *("country", "current_location", "date_of_first_session", "date_of_last_session", "dob", "email"),
        *("email_subscribe", "first_name", "gender", "home_city", "language", "last_name", "phone"),
        *("push_subscribe", "push_tokens", "subscription_groups", "time_zone"),
    }
)
"""Names that are interpreted, never stored as custom attributes (documented, 2.1)."""

Profile = dict[str, object]
"""Custom attributes by name: scalars as they are, arrays and objects as their JSON text (bytes)."""


def profile_json(profiles: Mapping[str, object]) -> bytes:
    """The JSON of something that has profiles in it."""
    return orjson.dumps(profiles, default=orjson.Fragment)


def write_attributes(
    profile: Profile, item: Mapping[str, object], rules: AttributeRules | None = None
) -> int:
    """Apply one attributes object, under the workspace's rules, and return the data points it costs.

    Every attribute costs a point or more, also when nothing changes (documented, 2.2); identifiers, flags
    and the profile fields cost none (the first two documented, the last assumed).
    """
    merge = item.get("_merge_objects") is True
    points = 0
    for given, value in item.items():
        name = attribute_name(given)
        if name is None:
            continue
        if rules is not None:
            value = rules.admitted(name, value)  # noqa: PLW2901 - from here on the value is what is left of it
            if value is IGNORED:
                continue
        if value is None:
            profile.pop(name, None)
            points += 1
            continue
        # Without the flag an object replaces the one that is there (documented, 1.4).
        kept = _kept(value, profile.get(name) if merge else None)
        if kept is not None:
            profile[name], cost = kept
            points += cost
    return points


def _kept(value: object, merge_into: object) -> tuple[object, int] | None:
    """What is stored of a value and what it costs; None where Braze drops it."""
    if isinstance(value, str):
        return (value, 1) if len(value) <= TEXT_CHARACTERS else None
    if isinstance(value, list):
        return kept_array(value)
    if isinstance(value, dict):
        return kept_object(value, merge_into)
    return value, 1


@lru_cache(maxsize=4096)
def attribute_name(given: str) -> str | None:
    """The name a value is kept under, stripped (documented, 2.1); None for what is no custom attribute.

    Those are identifiers, profile fields, flags with their leading underscore (documented, 1.4), and a
    name of spaces (assumed).
    """
    name = given.strip()
    return None if name in IDENTIFIERS or name in PROFILE_FIELDS or name[:1] in {"", "_"} else name
