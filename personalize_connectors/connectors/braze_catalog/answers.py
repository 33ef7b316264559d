"""What Braze's answers to calls on catalogs mean, per item.

Source: Braze documentation, the catalog endpoints (responses, troubleshooting) and "API errors". A 400 refuses the whole
request and names the items that it is about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pyarrow as pa

from personalize_connectors.connectors.answers import json_object, try_later
from personalize_connectors.connectors.braze.catalog_ids import encoded
from personalize_connectors.connectors.exchange import Answer, Verdict
from personalize_connectors.connectors.rate_headers import read_quota

ITEM_PERMISSIONS = "catalogs.replace_items or catalogs.delete_items"

_NOT_BRAZE = "BRAZE_REST_ENDPOINT_URL is not the REST endpoint of a Braze cluster (for example https://rest.iad-01.braze.com)"
_WHAT_TO_CHECK = {
    401: "the key in BRAZE_API_KEY is not valid at BRAZE_REST_ENDPOINT_URL (a key of another cluster is refused too), or "
    "lacks the permission {permissions}",
    403: "the key in BRAZE_API_KEY lacks the permission {permissions}, or the account is not active",
    404: _NOT_BRAZE,
    405: _NOT_BRAZE,
    415: "something between here and Braze changes the content type",
}
_FULL = (
    "the catalogs of this Braze company take all the storage of its plan, or grow too fast; delete what is not needed in "
    "Braze, name fewer itemMetadataFields, or ask Braze for more"
)
_WHAT_TO_DO = {
    "catalog-not-found": "the catalog is not there any more; run again with performDeltaCheck false, which sends all items to "
    "a new one (where createCatalog is false, create it in Braze first)",
    "company-size-limit-already-reached": _FULL,
    "company-size-limit-surge": _FULL,
}
_TOO_MANY = "request-includes-too-many-items"
_TOO_LARGE = 413
_REDIRECT = range(300, 400)

Errors = list[Mapping[str, Any]]


def read_answer(answer: Answer, record_ids: pa.Array, now: float) -> Verdict:
    """The verdict on a request to write or to remove these items, answered at a time in seconds since 1970."""
    verdict = general_verdict(answer, ITEM_PERMISSIONS) or _verdict_on_items(answer, record_ids)
    return replace(verdict, quota=read_quota(answer.headers, now))


def general_verdict(answer: Answer, permissions: str) -> Verdict | None:
    """What an answer means whatever was sent, to a key that needs these permissions; None where it depends on that."""
    text = said(answer)
    if later := try_later(answer, text):
        return later
    codes = error_codes(answer)
    what_to_do = next((words for code, words in _WHAT_TO_DO.items() if code in codes), None)
    if what_to_do is None and (answer.status in _WHAT_TO_CHECK or answer.status in _REDIRECT):
        what_to_do = _WHAT_TO_CHECK.get(answer.status, _NOT_BRAZE).format(permissions=permissions)
    return Verdict("stop", f"Braze answered {text}: {what_to_do}") if what_to_do else None


def said(answer: Answer) -> str:
    """Status and words of an answer, for people."""
    body = json_object(answer.body)
    words = "; ".join(map(_words, _errors(body))) or body.get("message")
    shown = words if isinstance(words, str) else answer.body[:500].decode("utf-8", "replace")
    return f"HTTP {answer.status} {shown}".strip()


def succeeded(answer: Answer) -> bool:
    """Whether Braze took the call: a page of something in between is no success."""
    return answer.success and json_object(answer.body).get("message") in ("success", "queued")


def error_codes(answer: Answer) -> set[str]:
    """The codes of `errors[]`."""
    return {str(error.get("id")) for error in _errors(json_object(answer.body))}


def _verdict_on_items(answer: Answer, record_ids: pa.Array) -> Verdict:
    text = said(answer)
    if succeeded(answer):
        return Verdict("accepted", text)
    if answer.status == _TOO_LARGE or _TOO_MANY in error_codes(answer):
        return Verdict("split", text, too_large=answer.status == _TOO_LARGE)
    named = _named_records(_errors(json_object(answer.body)), record_ids)
    if named and len(named) < len(record_ids):
        return Verdict("again", text, named)
    return Verdict("rejected", text, named)


def _named_records(errors: Errors, record_ids: pa.Array) -> dict[int, str]:
    """The places of the items that errors name, with the words of the first one."""
    places: dict[str, int] = {}
    for place, item_id in enumerate(record_ids.to_pylist()):
        with suppress(ValueError):
            places[encoded(item_id)] = place
    named: dict[int, str] = {}
    for error in errors:
        for catalog_id, field in _subjects(error):
            if catalog_id in places:
                words = f"{_words(error)} (field {field})" if field else _words(error)
                named.setdefault(places[catalog_id], words)
    return named


def _subjects(error: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The ids that an error names, and the field: a value is an id, or with several parameters an object with one."""
    values, parameters = error.get("parameter_values"), error.get("parameters")
    about_ids = not isinstance(parameters, list) or all(
        str(name).endswith(("id", "ids")) for name in parameters
    )
    for value in values if isinstance(values, list) else []:
        if isinstance(value, dict):
            yield str(value.get("id")), str(value.get("field") or "")
        elif about_ids:
            yield str(value), ""


def _words(error: Mapping[str, Any]) -> str:
    return f"{error.get('id')}: {error.get('message')}"


def _errors(body: Mapping[str, Any]) -> Errors:
    errors = body.get("errors")
    entries = errors if isinstance(errors, list) else [errors]
    return [entry for entry in entries if isinstance(entry, dict)]
