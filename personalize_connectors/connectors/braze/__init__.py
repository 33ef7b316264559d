"""Braze: `POST /users/track`, one attributes object for each user.

Source of the rules: Braze documentation, "User track", "User attributes object", "Nested custom attributes" and
"Array of objects".
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from personalize_connectors.connectors.braze.address import PARAMETERS, read_address
from personalize_connectors.connectors.braze.answers import read_answer
from personalize_connectors.connectors.braze.attributes import all_can_be_written, attributes, can_be_written
from personalize_connectors.connectors.braze.catalog_ids import encoded
from personalize_connectors.connectors.braze.points import data_points
from personalize_connectors.connectors.braze.problems import problems
from personalize_connectors.connectors.braze.rules import RULES
from personalize_connectors.connectors.braze.settings import PAYLOADS, BrazeSettings, limits
from personalize_connectors.connectors.braze.shapes import judge, renderer
from personalize_connectors.connectors.braze.values import (
    LONGEST_TEXT,
    are_short_scalars,
    broken_rules,
    without_nulls,
)
from personalize_connectors.connectors.exchange import Answer, Call, Destination, Envelope, Verdict
from personalize_connectors.connectors.protocol import Connector, Fields, Finding, Payload
from personalize_connectors.engine.item_documents import dump

_CALL = Call("POST", "/users/track")


def destination(environment: Mapping[str, str]) -> Destination:
    """The address and key of the environment."""
    address = read_address(environment, "users.track")
    return Destination(address.url, {**address.headers, "X-Braze-Bulk": "true"})


def rendering(settings: BrazeSettings) -> dict[str, Any]:
    """Shape, prefix, constants, and the flags that are on."""
    found: dict[str, Any] = {
        "payload": settings.payload,
        "attributePrefix": settings.attributePrefix,
        "otherAttributes": settings.otherAttributes,
    }
    if settings.updateExistingOnly:
        found["updateExistingOnly"] = True
    return found


def payload(settings: BrazeSettings, fields: Fields) -> Payload:
    """What of an item document the shape delivers."""
    if settings.payload == "ids":
        return _id(settings, fields["itemId"])
    if are_short_scalars(fields.values()) and all_can_be_written(settings, tuple(fields)):
        return Payload(dump(fields))
    kept: Fields = {}
    findings: list[Finding] = []
    for name, value in fields.items():
        broken = _broken(settings, name, value)
        if set(broken) <= {"null_inside"}:
            kept[name] = without_nulls(value)
        findings += [Finding(rule, name) for rule in broken]
    return Payload(dump(kept), tuple(findings))


def beside(settings: BrazeSettings, others: Mapping[str, Any]) -> BrazeSettings:
    """The ids are those of the catalog where the job keeps one, unless the block says otherwise."""
    if settings.payload != "ids" or settings.catalogIds is not None or "braze_catalog" not in others:
        return settings
    return settings.model_copy(update={"catalogIds": True})


def alternatives(settings: BrazeSettings) -> dict[str, BrazeSettings]:
    """The other payload shapes, all else equal."""
    return {
        shape: settings.model_copy(update={"payload": shape})
        for shape in PAYLOADS
        if shape != settings.payload
    }


def verdict(answer: Answer, record_ids: pa.Array) -> Verdict:
    """By status and `errors[]` ("User track", responses)."""
    return read_answer(answer, len(record_ids), time.time())


def _broken(settings: BrazeSettings, name: str, value: Any) -> list[str]:
    """The rules that a field breaks; an item without its id would be none."""
    if name == "itemId":
        return ["item_id_too_long"] if len(value) > LONGEST_TEXT else []
    broken = broken_rules(value, attribute=settings.payload == "flat")
    if not can_be_written(settings, name) and "name_not_storable" not in broken:
        broken.append("name_not_storable")
    return broken


def _id(settings: BrazeSettings, item_id: str) -> Payload:
    try:
        sent = encoded(item_id) if settings.catalogIds else item_id
    except ValueError:
        sent = None
    if sent is None or len(sent) > LONGEST_TEXT:
        return Payload(dump(item_id), (Finding("item_id_too_long", "itemId"),))
    return Payload(dump(sent))


CONNECTOR = Connector(
    name="braze",
    settings=BrazeSettings,
    envelope=Envelope(b'{"attributes":[', b",", b"]}"),
    destination=destination,
    parameters=PARAMETERS,
    call=lambda _settings, _removal: _CALL,
    limits=limits,
    payload=payload,
    rendering=rendering,
    renderer=renderer,
    verdict=verdict,
    rules=RULES,
    judge=judge,
    problems=problems,
    beside=beside,
    attributes=attributes,
    removes=lambda settings: settings.missingUsers == "unset",
    data_points=data_points,
    shape=lambda settings: settings.payload,
    alternatives=alternatives,
)
