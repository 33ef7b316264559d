"""Braze: `POST /users/track`, one attributes object for each user.

Source of the rules: Braze documentation, "User track", "User attributes object", "Nested custom attributes" and
"Array of objects".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import pyarrow as pa
from pydantic import Field

from personalize_connectors.connectors import braze_shapes
from personalize_connectors.connectors.braze_answers import read_answer
from personalize_connectors.connectors.braze_values import kept, left_out, without_nulls
from personalize_connectors.connectors.protocol import (
    Answer,
    ConnectorSettings,
    DataPoints,
    Destination,
    Envelope,
    Limits,
    Renderer,
    Verdict,
)
from personalize_connectors.engine.item_documents import dump
from personalize_connectors.errors import BadSettings

MAX_OBJECTS = 75
MAX_BODY = 4 * 1000 * 1000

# Profile fields that Braze interprets instead of storing them as custom attributes ("User attributes object").
RESERVED = frozenset(
    [
        "braze_id",
        "country",
        "current_location",
        "date_of_first_session",
        "date_of_last_session",
        "dob",
        "email",
        "email_open_tracking_disabled",
        "email_click_tracking_disabled",
        "email_subscribe",
        "external_id",
        "facebook",
        "first_name",
        "gender",
        "home_city",
        "language",
        "last_name",
        "marked_email_as_spam_at",
        "phone",
        "push_subscribe",
        "push_tokens",
        "subscription_groups",
        "time_zone",
        "twitter",
        "user_alias",
    ]
)
_FLAT = re.compile(r"\d+_.+")


class BrazeSettings(ConnectorSettings):
    """`connectors.braze` in config.json."""

    payload: Literal["objects", "ids", "flat", "arrays"] = Field(
        default="objects", description="How the list stands on the profile; see docs, Payload shapes."
    )
    allowMisaligned: bool = Field(
        default=False, description="With arrays: also send users whose values Braze would collapse or shift."
    )


class Braze:
    """The connector."""

    name = "braze"
    settings = BrazeSettings
    path = "/users/track"
    envelope = Envelope(b'{"attributes":[', b",", b"]}")

    def problems(self, settings: BrazeSettings) -> list[tuple[str, str]]:
        """Attribute names that Braze would not store, or that two values would fight for."""
        found = []
        if (
            settings.attributePrefix[0] in "_$"
            or settings.attributePrefix.strip() != settings.attributePrefix
        ):
            found.append(
                (
                    "attributePrefix",
                    "Braze takes names that begin with _ for flags and strips spaces; begin with a letter",
                )
            )
        written = braze_shapes.attributes(
            settings.payload, settings.attributePrefix, settings.itemMetadataFields
        )
        found += [
            (
                "attributePrefix",
                f"makes the attribute {name!r}, a field of Braze's own profile; choose another prefix",
            )
            for name in sorted(written & RESERVED)
        ]
        for key, value in settings.otherAttributes.items():
            if problem := _attribute_problem(settings, key, value):
                found.append((f"otherAttributes.{key}", problem))
        return found

    def attributes(self, settings: BrazeSettings) -> frozenset[str]:
        """The attributes on the profile; `<n>` and `<field>` stand where the data decides."""
        return braze_shapes.attributes(
            settings.payload, settings.attributePrefix, settings.itemMetadataFields
        ) | frozenset(settings.otherAttributes)

    def rendering(self, settings: BrazeSettings) -> dict[str, Any]:
        """Shape, prefix, constants."""
        return {
            "payload": settings.payload,
            "attributePrefix": settings.attributePrefix,
            "otherAttributes": settings.otherAttributes,
        }

    def destination(self, environment: Mapping[str, str]) -> Destination:
        """From BRAZE_REST_ENDPOINT_URL and BRAZE_API_KEY."""
        url = environment.get("BRAZE_REST_ENDPOINT_URL", "").strip().rstrip("/")
        key = environment.get("BRAZE_API_KEY", "").strip()
        missing = [
            name for name, value in (("BRAZE_REST_ENDPOINT_URL", url), ("BRAZE_API_KEY", key)) if not value
        ]
        if missing:
            raise BadSettings(
                f"{' and '.join(missing)} not set. Set BRAZE_REST_ENDPOINT_URL to your cluster's REST endpoint (for example "
                "https://rest.iad-01.braze.com) and BRAZE_API_KEY to a key with the permission users.track; to try without "
                "Braze, start `personalize-connectors emulate braze`, which prints both."
            )
        if not _is_address(url):
            shown = repr(url) if "." in url and key not in url else "no address"  # it may be the key
            raise BadSettings(
                f"BRAZE_REST_ENDPOINT_URL is {shown}; it must begin with https:// and name a host"
            )
        if not key.isascii() or not key.isprintable():
            raise BadSettings("BRAZE_API_KEY holds characters that no key has (a line break, perhaps)")
        headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "X-Braze-Bulk": "true",
        }
        return Destination(url, headers)

    def limits(self, settings: BrazeSettings) -> Limits:  # noqa: ARG002 - not yet a setting
        """75 objects and 4 MB ("User track", request limits)."""
        return Limits(MAX_OBJECTS, MAX_BODY)

    def payload(self, settings: BrazeSettings, fields: dict[str, Any]) -> bytes:
        """What of an item document the shape delivers."""
        if settings.payload == "ids":
            return dump(fields["itemId"])
        return dump(kept(fields))

    def left_out(self, settings: BrazeSettings, fields: dict[str, Any]) -> list[str]:
        """The fields of an item document that Braze would drop without a word, each with the reason."""
        return [] if settings.payload == "ids" else left_out(fields)

    def data_points(self, settings: BrazeSettings, documents: pa.Table, longest: int) -> DataPoints:
        """One for each attribute; an array of objects counts each key of each object ("Data points")."""
        return braze_shapes.data_points(settings.payload, _shape(settings, longest), documents)

    def renderer(self, settings: BrazeSettings, documents: pa.Table, longest: int) -> Renderer:
        """One attributes object for each user."""
        return braze_shapes.renderer(settings.payload, _shape(settings, longest), documents)

    def verdict(self, answer: Answer, records: int) -> Verdict:
        """By status and `errors[]` ("User track", responses)."""
        return read_answer(answer, records)


def _shape(settings: BrazeSettings, longest: int) -> braze_shapes.Shape:
    return braze_shapes.Shape(
        settings.attributePrefix,
        settings.otherAttributes,
        settings.itemMetadataFields,
        settings.allowMisaligned,
        longest,
    )


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _attribute_problem(settings: BrazeSettings, key: str, value: Any) -> str | None:
    prefix, rest = settings.attributePrefix, key.removeprefix(settings.attributePrefix)
    rendered = braze_shapes.attributes(settings.payload, prefix, settings.itemMetadataFields)
    open_arrays = settings.payload == "arrays" and settings.itemMetadataFields is None
    flat = settings.payload == "flat" and _FLAT.fullmatch(rest)
    if key in rendered or (key.startswith(prefix) and (open_arrays or flat)):
        return f"is also written by the recommendations (they begin with {prefix!r}); choose another name"
    if key.lower() in RESERVED:
        return "is a field of Braze's own profile, not a custom attribute; choose another name"
    if not key or key.strip() != key or key[0] in "_$":
        return (
            "is no name for a custom attribute: Braze takes names with _ in front for flags and strips spaces"
        )
    if value is None:
        return "is null, which would remove the attribute from every user; leave it out"
    holds_null = without_nulls(value) != value
    return "holds a null, for which Braze drops all of it; leave it out" if holds_null else None


CONNECTOR = Braze()
