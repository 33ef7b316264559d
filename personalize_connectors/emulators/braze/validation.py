"""Which profile an object is about, and what an object is rejected for (braze.md 1.3 and 1.6).

Braze answers in two dialects, constants and sentences; the emulator speaks the one that was seen for the
case, and a sentence of its own where none was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

EXTERNAL_ID_BYTES = 987
"""The longest external id (documented, 1.3)."""

ProfileKey = str | tuple[str, ...]
"""An external id; for any other identifier its kind and its values."""


@dataclass(frozen=True)
class Rejection:
    """Why an object is dropped: the ``type`` of its entry in ``errors``."""

    reason: str


BLOCKLISTED = "BLACKLISTED_EXTERNAL_USER_ID"  # documented, 1.6
NO_IDENTIFIER = Rejection(  # recorded by others, 1.6
    "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required"
)
ID_TOO_LONG = Rejection("'external_id' must be fewer than 988 bytes")  # recorded by others, 1.6
# That these are rejected is documented (1.3) or plain; the sentences are assumed.
NOT_AN_OBJECT = Rejection("The value provided is not an object.")
TWO_PRIMARIES = Rejection("Only one of 'external_id', 'braze_id' or 'user_alias' may be provided")
ID_NOT_TEXT = Rejection("'external_id' must be a string")
BAD_BRAZE_ID = Rejection("'braze_id' must be a string")
BAD_ALIAS = Rejection("'user_alias' must have an 'alias_name' and an 'alias_label'")


def identify(item: object, rejected: Mapping[str, str]) -> ProfileKey | Rejection:
    """The profile that an object is about, or why Braze drops the object.

    One primary identifier at most; email, then phone, count only where there is none (documented, 1.3).
    An identifier that is null or empty is taken as not given (assumed).

    Args:
        item: one element of ``attributes``, ``events`` or ``purchases``.
        rejected: the external ids that are refused, each with the ``type`` to refuse it with.
    """
    if not isinstance(item, dict):
        return NOT_AN_OBJECT
    external_id, braze_id, alias = item.get("external_id"), item.get("braze_id"), item.get("user_alias")
    if external_id and not braze_id and not alias:
        return _by_external_id(external_id, rejected)
    if bool(external_id) + bool(braze_id) + bool(alias) > 1:
        return TWO_PRIMARIES
    if alias:
        return _by_alias(alias)
    if braze_id:
        return ("braze_id", braze_id) if isinstance(braze_id, str) else BAD_BRAZE_ID
    return _by_contact(item)


def _by_external_id(external_id: object, rejected: Mapping[str, str]) -> ProfileKey | Rejection:
    if not isinstance(external_id, str):
        return ID_NOT_TEXT
    if len(external_id.encode()) > EXTERNAL_ID_BYTES:
        return ID_TOO_LONG
    reason = rejected.get(external_id)
    return external_id if reason is None else Rejection(reason)


def _by_alias(alias: object) -> ProfileKey | Rejection:
    if isinstance(alias, dict):
        name, label = alias.get("alias_name"), alias.get("alias_label")
        if isinstance(name, str) and isinstance(label, str):
            return ("user_alias", label, name)
    return BAD_ALIAS


def _by_contact(item: Mapping[str, object]) -> ProfileKey | Rejection:
    for kind in ("email", "phone"):
        value = item.get(kind)
        if value and isinstance(value, str):
            return (kind, value)
    return NO_IDENTIFIER
