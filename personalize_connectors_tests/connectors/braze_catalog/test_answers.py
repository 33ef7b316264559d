"""Every answer of braze.md 3.1 and 1.6 to a call on items, and what it means for each of them."""

import json

import pyarrow as pa
import pytest

from personalize_connectors.connectors.braze_catalog.answers import read_answer
from personalize_connectors.connectors.exchange import Answer, Quota, Verdict
from personalize_connectors_tests.emulators.catalog_calls import refused

NOW = 1_800_000_000.0
ITEMS = ["lamp", "tea/2", "tent"]
NOT_BRAZE = "BRAZE_REST_ENDPOINT_URL is not the REST endpoint of a Braze cluster (for example https://rest.iad-01.braze.com)"
KEY = (
    "the key in BRAZE_API_KEY is not valid at BRAZE_REST_ENDPOINT_URL (a key of another cluster is refused too), or lacks "
    "the permission catalogs.replace_items or catalogs.delete_items"
)
RIGHTS = (
    "the key in BRAZE_API_KEY lacks the permission catalogs.replace_items or catalogs.delete_items, or the account is not "
    "active"
)
FULL = (
    "the catalogs of this Braze company take all the storage of its plan, or grow too fast; delete what is not needed in "
    "Braze, name fewer itemMetadataFields, or ask Braze for more"
)
GONE = (
    "the catalog is not there any more; run again with performDeltaCheck false, which sends all items to a new one (where "
    "createCatalog is false, create it in Braze first)"
)


def verdict(status, body=b"", headers=None, items=ITEMS) -> Verdict:
    """The verdict on an answer to a request of these items; a body that is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_answer(Answer(status, headers or {}, content), pa.array(items), NOW)


def error(code, *values, parameters=("id",)):
    """An entry of errors[]."""
    return {"id": code, "message": "Words", "parameters": list(parameters), "parameter_values": list(values)}


def invalid(*errors):
    """The body of an answer that refuses the whole request."""
    return {"errors": list(errors), "message": "Invalid Request"}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (202, {"message": "success"}, Verdict("accepted", "HTTP 202 success")),
        (201, {"message": "success"}, Verdict("accepted", "HTTP 201 success")),
        (202, {"message": "queued"}, Verdict("accepted", "HTTP 202 queued")),
        (202, {"message": "other"}, Verdict("rejected", "HTTP 202 other")),
        (200, b"<html>Please log in</html>", Verdict("rejected", "HTTP 200 <html>Please log in</html>")),
        (413, {"message": "too large"}, Verdict("split", "HTTP 413 too large", too_large=True)),
        (
            400,
            invalid(error("request-includes-too-many-items", parameters=())),
            Verdict("split", "HTTP 400 request-includes-too-many-items: Words"),
        ),
        (422, b"\xff" + b"x" * 999, Verdict("rejected", "HTTP 422 \ufffd" + "x" * 499)),
        (408, {"message": "late"}, Verdict("retry", "HTTP 408 late", uncertain=True)),
        (429, {"message": "slow down"}, Verdict("retry", "HTTP 429 slow down", throttled=True)),
        (500, b"", Verdict("retry", "HTTP 500", uncertain=True)),
        (502, b"", Verdict("retry", "HTTP 502", uncertain=True)),
        (503, b"", Verdict("retry", "HTTP 503")),
        (520, b"", Verdict("retry", "HTTP 520", uncertain=True)),
        (504, b"", Verdict("retry", "HTTP 504", uncertain=True)),
        (
            401,
            {"message": "Invalid API Key"},
            Verdict("stop", f"Braze answered HTTP 401 Invalid API Key: {KEY}"),
        ),
        (
            403,
            {"message": "Access Denied"},
            Verdict("stop", f"Braze answered HTTP 403 Access Denied: {RIGHTS}"),
        ),
        (404, {"message": "Not found"}, Verdict("stop", f"Braze answered HTTP 404 Not found: {NOT_BRAZE}")),
        (405, b"", Verdict("stop", f"Braze answered HTTP 405: {NOT_BRAZE}")),
        (302, b"", Verdict("stop", f"Braze answered HTTP 302: {NOT_BRAZE}")),
        (
            415,
            b"",
            Verdict(
                "stop",
                "Braze answered HTTP 415: something between here and Braze changes the content type",
            ),
        ),
        (
            *refused("catalog-not-found", "Could not find catalog", ["catalog_name"], ["shop"], 404),
            Verdict("stop", f"Braze answered HTTP 404 catalog-not-found: Could not find catalog: {GONE}"),
        ),
        *(
            (400, invalid(error(code)), Verdict("stop", f"Braze answered HTTP 400 {code}: Words: {FULL}"))
            for code in ("company-size-limit-already-reached", "company-size-limit-surge")
        ),
    ],
)
def test_understands_what_is_not_about_single_items(status, body, expected):
    """Each answer has one outcome, with Braze's own words, or with what to check where nothing can be delivered."""
    assert verdict(status, body) == expected


@pytest.mark.parametrize(
    ("errors", "outcome", "rejected"),
    [
        ([error("invalid-fields", "tent")], "again", {2: "invalid-fields: Words"}),
        ([error("ids-too-large", "x-tea_2f2")], "again", {1: "ids-too-large: Words"}),
        (
            [error("items-too-large", "tent", "lamp"), error("invalid-fields", "tent", "other")],
            "again",
            {2: "items-too-large: Words", 0: "items-too-large: Words"},
        ),
        (
            [
                error(
                    "unable-to-coerce-value",
                    {"id": "x-tea_2f2", "field": "price"},
                    {"id": "other", "field": "price"},
                    parameters=["id", "field"],
                )
            ],
            "again",
            {1: "unable-to-coerce-value: Words (field price)"},
        ),
        ([error("invalid-fields", "lamp", parameters=["item_id"])], "again", {0: "invalid-fields: Words"}),
        (
            [{"id": "invalid-ids", "message": "Words", "parameter_values": ["lamp"]}],
            "again",
            {0: "invalid-ids: Words"},
        ),
        (
            [error("invalid-fields", "lamp", "x-tea_2f2", "tent")],
            "rejected",
            dict.fromkeys((0, 1, 2), "invalid-fields: Words"),
        ),
        ([error("invalid-fields", "lamp", parameters=["field"])], "rejected", {}),
        ([error("invalid-fields", "other", 7, None, ["lamp"])], "rejected", {}),
        ([{"id": "arbitrary-error", "message": "Words"}], "rejected", {}),
        ([error("items-missing-ids", parameters=()) | {"parameter_values": None}], "rejected", {}),
    ],
)
def test_rejects_the_items_that_are_named(errors, outcome, rejected):
    """A 400 that names some of our items rejects those, with Braze's words, and the others go again."""
    words = "; ".join(f"{one['id']}: Words" for one in errors)
    assert verdict(400, invalid(*errors)) == Verdict(outcome, f"HTTP 400 {words}", rejected)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"errors": ["lamp"], "message": "Invalid Request"}, "HTTP 400 Invalid Request"),
        ({"errors": error("invalid-fields"), "message": "no list"}, "HTTP 400 invalid-fields: Words"),
        ({"errors": None, "message": None}, 'HTTP 400 {"errors": null, "message": null}'),
        (b"[]", "HTTP 400 []"),
        (b"{", "HTTP 400 {"),
    ],
)
def test_rejects_all_where_no_item_is_named(body, text):
    """A 400 of whatever form that names none of our items rejects the request, with what was said."""
    assert verdict(400, body) == Verdict("rejected", text)


def test_names_no_item_with_an_id_that_is_too_long():
    """An item that no catalog can hold is named by no answer."""
    answer = invalid(error("invalid-fields", "lamp"))
    assert verdict(400, answer, items=["/" * 90, "lamp"]).rejected == {1: "invalid-fields: Words"}


def test_hears_how_long_to_wait_and_what_is_left():
    """What Braze says of waiting, and in either dialect of its rate window, is part of the verdict."""
    left = {"x-ratelimit-limit": "16000", "x-ratelimit-remaining": "3", "x-ratelimit-reset": "20"}
    epoch = left | {"x-ratelimit-reset": str(int(NOW) + 20)}
    quota = Quota(16_000, 3, 20.0)
    assert verdict(429, b"", {"x-ratelimit-retry-after": "7"}) == Verdict(
        "retry", "HTTP 429", throttled=True, retry_after=7.0
    )
    for headers in (left, epoch):
        assert verdict(202, {"message": "success"}, headers) == Verdict(
            "accepted", "HTTP 202 success", quota=quota
        )
