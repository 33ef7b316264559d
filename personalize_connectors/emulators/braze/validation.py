"""Which profile an object is about, and what an object is rejected for (braze.md 1.3 and 1.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from personalize_connectors.emulators.braze.settings import ErrorDialect

EXTERNAL_ID_BYTES = 987
"""The longest external id (documented, 1.3)."""

ProfileKey = str | tuple[str, ...]
"""An external id; for any other identifier its kind and its values."""


@dataclass(frozen=True)
class Rejection:
    """Why an object is dropped: the ``type`` of its entry in ``errors``.

    Braze has two dialects, constants (documented, 1.6) and sentences (recorded by others, 1.6), and most cases are
    known in one of them only.

    Attributes:
        seen: the words that were seen for this case.
        text: its sentence, where ``seen`` is a constant.
        constant: its constant, where ``seen`` is a sentence.
    """

    seen: str
    text: str | None = None
    constant: str | None = None

    def said(self, dialect: ErrorDialect) -> str:
        """The words of a dialect; a case that it has none for keeps those that were seen (assumed)."""
        if dialect == "text":
            return self.text or self.seen
        return (self.constant or self.seen) if dialect == "constants" else self.seen


BLACKLISTED = "BLACKLISTED_EXTERNAL_USER_ID"  # documented, 1.6
NO_IDENTIFIER = Rejection(  # recorded by others, 1.6
    "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required"
)
ID_TOO_LONG = Rejection(  # recorded by others, 1.6; the constant is documented, 1.3
    "'external_id' must be fewer than 988 bytes", constant="EXTERNAL_USER_ID_TOO_LARGE"
)
BAD_EMAIL = Rejection(  # recorded by others and documented, 1.6
    "The value provided for the 'email' field is not a valid email.", constant="EMAIL_BAD_FORMAT"
)
BAD_QUANTITY = Rejection("'quantity' is not valid")  # recorded by others, 1.6
# The constants are documented (1.6); the sentences are assumed.
BAD_EMAIL_SUBSCRIPTION = Rejection("BAD_EMAIL_SUBSCRIPTION_STATE", text="'email_subscribe' is not valid")
BAD_PUSH_SUBSCRIPTION = Rejection("BAD_PUSH_SUBSCRIPTION_STATE", text="'push_subscribe' is not valid")
BAD_LOCATION = Rejection("BAD_LOCATION_UPDATE", text="'current_location' is not valid")
# That these are rejected is documented (1.3) or plain; the sentences are assumed.
NOT_AN_OBJECT = Rejection("The value provided is not an object.")
TWO_PRIMARIES = Rejection("Only one of 'external_id', 'braze_id' or 'user_alias' may be provided")
ID_NOT_TEXT = Rejection("'external_id' must be a string")
BAD_BRAZE_ID = Rejection("'braze_id' must be a string")
BAD_ALIAS = Rejection("'user_alias' must have an 'alias_name' and an 'alias_label'")

SUBSCRIPTION_STATES = (None, "opted_in", "subscribed", "unsubscribed")
CHECKED = frozenset({"email", "email_subscribe", "push_subscribe", "current_location", "quantity"})
"""The fields whose values an object is rejected for."""

UNUSUAL = CHECKED | {"braze_id", "user_alias"}
SHORT_ID = EXTERNAL_ID_BYTES // 4
"""An object without these fields and with an id so short needs no further look: nearly all are like that."""


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
    external_id = item.get("external_id")
    if (
        isinstance(external_id, str)
        and 0 < len(external_id) <= SHORT_ID
        and external_id not in rejected
        and item.keys().isdisjoint(UNUSUAL)
    ):
        return external_id
    key = _key(item, rejected)
    return key if isinstance(key, Rejection) else wrong_value(item) or key


def wrong_value(item: Mapping[str, object]) -> Rejection | None:
    """What is wrong with the fields that Braze checks.

    The errors are documented (1.6); which values are wrong, and that null never is, is assumed.
    """
    email = item.get("email")
    if email is not None and not _is_email(email):
        return BAD_EMAIL
    if item.get("email_subscribe") not in SUBSCRIPTION_STATES:
        return BAD_EMAIL_SUBSCRIPTION
    if item.get("push_subscribe") not in SUBSCRIPTION_STATES:
        return BAD_PUSH_SUBSCRIPTION
    location = item.get("current_location")
    if location is not None and not _is_location(location):
        return BAD_LOCATION
    quantity = item.get("quantity", 1)
    is_count = isinstance(quantity, int) and not isinstance(quantity, bool) and quantity > 0
    return None if is_count or "product_id" not in item else BAD_QUANTITY


def _is_email(value: object) -> bool:
    if not isinstance(value, str) or value.split() != [value]:
        return False
    name, at, host = value.rpartition("@")
    return bool(name and at and "@" not in name and "." in host.strip(".") and host.strip(".") == host)


def _is_location(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    for name, most in (("longitude", 180), ("latitude", 90)):
        degrees = value.get(name)
        if not isinstance(degrees, int | float) or isinstance(degrees, bool) or abs(degrees) > most:
            return False
    return True


def _key(item: Mapping[str, object], rejected: Mapping[str, str]) -> ProfileKey | Rejection:
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
