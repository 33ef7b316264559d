"""A catalog and its fields made ready: they must be there before the first item.

Source: Braze documentation, "List catalogs", "Create catalog" and "Create catalog fields" (asynchronous: so new fields are
looked for until they show).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import requests
from pydantic import BaseModel, ValidationError

from personalize_connectors.connectors.braze_catalog.answers import (
    error_codes,
    general_verdict,
    said,
    succeeded,
)
from personalize_connectors.connectors.braze_catalog.fields import missing_fields
from personalize_connectors.connectors.braze_catalog.values import FieldType
from personalize_connectors.connectors.exchange import Answer, Destination, Verdict
from personalize_connectors.connectors.rate_headers import read_quota
from personalize_connectors.engine.item_documents import dump
from personalize_connectors.errors import DeliveryRefused, DestinationUnavailable

FIELDS_OF_A_REQUEST = 50

# Together the waits outlast the minute that a rate window takes.
_TRIES, _LONGEST_BACKOFF, _LONGEST_WAIT = 8, 30.0, 90.0
_TIMEOUT = (5.0, 30.0)
_ALREADY_THERE = frozenset(["catalog-name-already-exists", "field-names-not-unique"])
_DESCRIPTION = "Items of Amazon Personalize recommendations, kept by personalize_connectors"

Caller = Callable[..., Answer]


@dataclass(frozen=True)
class Wanted:
    """How a catalog must be.

    Attributes:
        name: Its name.
        fields: Its fields beside the id.
        create: Whether it may be created.
        whole: Whether all items are sent; a catalog that is created is empty.
    """

    name: str
    fields: Mapping[str, FieldType]
    create: bool = True
    whole: bool = True


class _Field(BaseModel):
    name: str
    type: str


class _Catalog(BaseModel):
    name: str
    fields: list[_Field]


class _Listed(BaseModel):
    """The answer to `GET /catalogs`."""

    catalogs: list[_Catalog]


class _NotNow(Exception):
    """Nothing came of a try; the next one can succeed."""

    def __init__(self, text: str, asked_to_wait: float | None = None) -> None:
        super().__init__(text)
        self.asked_to_wait = asked_to_wait

    def seconds(self, tried: int) -> float:
        """How long to wait after so many tries: as Braze asks, else longer from try to try, with jitter."""
        if self.asked_to_wait is not None:
            return min(self.asked_to_wait, _LONGEST_WAIT)
        return min(2.0**tried, _LONGEST_BACKOFF) * random.uniform(0.75, 1)  # noqa: S311 - jitter


def make_ready(wanted: Wanted, destination: Destination, pause: Callable[[float], None] = time.sleep) -> None:
    """Create the catalog, or those of its fields, that are not there.

    Every try looks first, so that one whose answer was lost does no harm. Braze allows 50 such calls a minute to all that
    share the workspace; where it asks to wait, we do.

    Raises:
        DeliveryRefused: The key may not, a field has another type, or the catalog may not be created; what to do.
        DestinationUnavailable: Braze did not answer, or could not, until the tries ran out.
    """
    created: Mapping[str, FieldType] = {}
    problem: _NotNow | None = None
    with requests.Session() as session:
        session.trust_env = False  # a netrc file would replace the key
        session.headers.update(destination.headers)
        for tried in range(_TRIES):
            if problem:
                pause(problem.seconds(tried - 1))
            try:
                created, problem = _next_step(partial(_call, session, destination.url), wanted, created), None
            except _NotNow as not_now:
                problem = not_now
            else:
                if not created:
                    return
    raise DestinationUnavailable(
        f"Braze at {destination.url} did not get the catalog {wanted.name!r} ready in {_TRIES} tries; the last one: "
        f"{problem}. No item was sent; run again later."
    )


def _next_step(call: Caller, wanted: Wanted, created: Mapping[str, FieldType]) -> Mapping[str, FieldType]:
    """Look, and create what is missing; returns the new fields, which must show at the next look."""
    there = _look(call, wanted.name)
    if there is None:
        _create(call, wanted)
        return {}
    missing = missing_fields(wanted.name, wanted.fields, there)
    if missing and missing == created:
        raise _NotNow(f"it took the new fields {', '.join(missing)}, but does not show them yet")
    fields = _shown(missing)
    for start in range(0, len(fields), FIELDS_OF_A_REQUEST):
        some = fields[start : start + FIELDS_OF_A_REQUEST]
        call("POST", f"/catalogs/{wanted.name}/fields", "catalogs.create_fields", {"fields": some})
    return missing


def _look(call: Caller, name: str) -> dict[str, str] | None:
    """The fields of a catalog with their types; None where it is not there."""
    answer = call("GET", "/catalogs", "catalogs.get")
    try:
        listed = _Listed.model_validate_json(answer.body)
    except ValidationError:
        raise DeliveryRefused(f"GET /catalogs: no list of catalogs came back, but {said(answer)}") from None
    found = next((catalog for catalog in listed.catalogs if catalog.name == name), None)
    return {field.name: field.type for field in found.fields} if found else None


def _create(call: Caller, wanted: Wanted) -> None:
    if not wanted.create:
        raise DeliveryRefused(
            f"there is no catalog {wanted.name!r} in this Braze workspace, and createCatalog of braze_catalog is false; "
            "create the catalog in Braze, or leave createCatalog out"
        )
    if not wanted.whole:
        raise DeliveryRefused(
            f"there is no catalog {wanted.name!r} in this Braze workspace any more, though items were delivered to it, and only "
            "the changed ones are to be sent; run once with performDeltaCheck false in connectors.braze_catalog, which sends all"
        )
    fields = [{"name": "id", "type": "string"}, *_shown(wanted.fields)]
    catalog = {"name": wanted.name, "description": _DESCRIPTION, "fields": fields}
    call("POST", "/catalogs", "catalogs.create", {"catalogs": [catalog]})


def _shown(fields: Mapping[str, FieldType]) -> list[dict[str, str]]:
    return [{"name": name, "type": of_type} for name, of_type in fields.items()]


def _call(
    session: requests.Session, url: str, method: str, path: str, permission: str, body: Any = None
) -> Answer:
    content = None if body is None else dump(body)
    try:
        response = session.request(method, url + path, data=content, timeout=_TIMEOUT, allow_redirects=False)
    except requests.RequestException as error:
        raise _NotNow(f"no answer to {method} {path} ({type(error).__name__})") from None
    headers = {name.lower(): value for name, value in response.headers.items()}
    answer = Answer(response.status_code, headers, response.content)
    verdict = general_verdict(answer, permission)
    if verdict and verdict.outcome == "retry":
        raise _NotNow(f"{method} {path}: {verdict.text}", _asked_to_wait(verdict, answer))
    if error_codes(answer) & _ALREADY_THERE:
        raise _NotNow(f"{method} {path}: {said(answer)}")
    if verdict or not succeeded(answer):
        raise DeliveryRefused(f"{method} {path}: {verdict.text if verdict else said(answer)}")
    return answer


def _asked_to_wait(verdict: Verdict, answer: Answer) -> float | None:
    """What Braze asks for; where it only says when the window of a 429 ends, until then."""
    if verdict.retry_after is not None or not verdict.throttled:
        return verdict.retry_after
    quota = read_quota(answer.headers, time.time())
    return quota.reset_in if quota else None
