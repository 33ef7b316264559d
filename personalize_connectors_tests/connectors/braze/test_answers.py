"""Every answer of braze.md 1.6, and what it means for each record."""

import json

import pyarrow as pa
import pytest

from personalize_connectors.connectors.braze import CONNECTOR
from personalize_connectors.connectors.exchange import Answer, Quota, Verdict

NO_VALID_DATA = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."
CONSTANT = "EXTERNAL_USER_ID_TOO_LARGE"
SENTENCE = "'external_id' must be fewer than 988 bytes"
CHECK_KEY = (
    "the key in BRAZE_API_KEY is not valid at BRAZE_REST_ENDPOINT_URL (a key of another cluster is refused too), or lacks "
    "the permission users.track"
)
CHECK_RIGHTS = "the key in BRAZE_API_KEY lacks the permission users.track, or the account is not active"
CHECK_URL = "BRAZE_REST_ENDPOINT_URL is not the REST endpoint of a Braze cluster (for example https://rest.iad-01.braze.com)"
CHECK_PATH = "something between here and Braze changes the content type"


def verdict(status, body=b"", headers=None, records=3) -> Verdict:
    """The verdict on an answer to a request of so many records; a body that is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    record_ids = pa.array([f"u{place}" for place in range(records)])
    return CONNECTOR.verdict(Answer(status, headers or {}, content), record_ids)


def error(kind, index=None) -> dict:
    """An entry of errors[]."""
    return {"type": kind, "input_array": "attributes"} | ({} if index is None else {"index": index})


def success(*errors, message="success") -> dict:
    """The body of an answer that took the request."""
    return {"attributes_processed": 3 - len(errors), "message": message} | (
        {"errors": errors} if errors else {}
    )


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (201, success(), Verdict("accepted", "success")),
        (200, success(), Verdict("accepted", "success")),
        (201, success() | {"errors": []}, Verdict("accepted", "success")),
        (201, success() | {"errors": None}, Verdict("accepted", "success")),
        (202, {"message": "queued"}, Verdict("accepted", "queued")),
        (201, success(error(CONSTANT, 1)), Verdict("accepted", "success", {1: CONSTANT})),
        (201, success(error(SENTENCE, 0)), Verdict("accepted", "success", {0: SENTENCE})),
        (
            201,
            success(error(SENTENCE, 2), error(CONSTANT, 0)),
            Verdict("accepted", "success", {2: SENTENCE, 0: CONSTANT}),
        ),
        (
            400,
            {"message": NO_VALID_DATA, "errors": [error(CONSTANT, place) for place in range(3)]},
            Verdict("rejected", f"HTTP 400 {NO_VALID_DATA}", {0: CONSTANT, 1: CONSTANT, 2: CONSTANT}),
        ),
        (400, {"message": NO_VALID_DATA}, Verdict("rejected", f"HTTP 400 {NO_VALID_DATA}")),
        (400, {"message": "Max Input Length Exceeded"}, Verdict("split", "HTTP 400 Max Input Length Exceeded")),
        (400, {"message": "max input length exceed"}, Verdict("split", "HTTP 400 max input length exceed")),
        (
            400,
            {"message": "Error while parsing the body, pass valid application/json"},
            Verdict("rejected", "HTTP 400 Error while parsing the body, pass valid application/json"),
        ),
        (401, {"message": "Invalid API Key"}, Verdict("stop", f"Braze answered 401 'Invalid API Key': {CHECK_KEY}")),
        (403, {"message": "Access Denied"}, Verdict("stop", f"Braze answered 403 'Access Denied': {CHECK_RIGHTS}")),
        (404, b"Not Found", Verdict("stop", f"Braze answered 404 'Not Found': {CHECK_URL}")),
        (405, b"", Verdict("stop", f"Braze answered 405 '': {CHECK_URL}")),
        (302, b"moved", Verdict("stop", f"Braze answered 302 'moved': {CHECK_URL}")),
        (415, {"message": "no"}, Verdict("stop", f"Braze answered 415 'no': {CHECK_PATH}")),
        (413, b"<html>413</html>", Verdict("split", "HTTP 413 <html>413</html>", too_large=True)),
        (408, b"", Verdict("retry", "HTTP 408", uncertain=True)),
        (429, {"message": "slow down"}, Verdict("retry", "HTTP 429 slow down", throttled=True)),
        (500, b"oops", Verdict("retry", "HTTP 500 oops", uncertain=True)),
        (502, b"", Verdict("retry", "HTTP 502", uncertain=True)),
        (503, b"<html>503</html>", Verdict("retry", "HTTP 503 <html>503</html>")),
        (504, {"message": "success"}, Verdict("retry", "HTTP 504 success", uncertain=True)),
        (520, b"", Verdict("retry", "HTTP 520", uncertain=True)),
    ],
)  # fmt: skip
def test_reads_every_documented_answer(status, body, expected):
    """Each answer means what Braze documents, in both dialects of errors, with Braze's own words."""
    assert verdict(status, body) == expected


@pytest.mark.parametrize(
    ("errors", "text"),
    [
        ([error(CONSTANT)], f"{CONSTANT} (Braze did not say for which user)"),
        ([error(CONSTANT, 3)], f"{CONSTANT} (Braze did not say for which user)"),
        ([error(CONSTANT, -1)], f"{CONSTANT} (Braze did not say for which user)"),
        ([error(CONSTANT, "1")], f"{CONSTANT} (Braze did not say for which user)"),
        ([error(CONSTANT, index=True)], f"{CONSTANT} (Braze did not say for which user)"),
        (["bad things"], "bad things (Braze did not say for which user)"),
        ([{"index": 7}], "{'index': 7} (Braze did not say for which user)"),
        ("bad things", "bad things (Braze did not say for which user)"),
        ({"type": "bad things"}, "bad things (Braze did not say for which user)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [201, 400])
def test_takes_nothing_for_accepted_that_may_not_be(status, errors, text):
    """Where an error names no record of the request, none of it counts as accepted, though with a 201 some may be applied."""
    found = verdict(status, {"message": "success", "errors": errors})
    assert found == Verdict("rejected", text, uncertain=status == 201)


def test_keeps_the_errors_that_do_name_a_record():
    """Beside an error that names no record, the named ones keep their own words."""
    answer = success(error(SENTENCE, 1), error(CONSTANT))
    assert verdict(201, answer) == Verdict(
        "rejected", f"{CONSTANT} (Braze did not say for which user)", {1: SENTENCE}, uncertain=True
    )


def test_takes_an_error_without_a_type():
    """An error that names its record but says nothing is kept as it is."""
    assert verdict(201, success({"index": 1})) == Verdict("accepted", "success", {1: "{'index': 1}"})


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (200, b"<html>Please log in</html>", "HTTP 200 <html>Please log in</html>"),
        (201, b"", "HTTP 201"),
        (201, b"[]", "HTTP 201 []"),
        (201, {"message": None}, 'HTTP 201 {"message": null}'),
        (201, {"attributes_processed": 3}, 'HTTP 201 {"attributes_processed": 3}'),
        (201, {"message": "something else"}, "HTTP 201 something else"),
        (400, b"\xff\xfe", "HTTP 400 \ufffd\ufffd"),
        (400, b"x" * 10_000, f"HTTP 400 {'x' * 500}"),
        (418, b"{", "HTTP 418 {"),
    ],
)
def test_takes_nothing_else_for_success(status, body, text):
    """Only a 2xx whose message is success or queued accepts; any other answer rejects, and a 2xx leaves doubt."""
    assert verdict(status, body) == Verdict("rejected", text, uncertain=status < 300)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"x-ratelimit-retry-after": "7"}, 7.0),
        ({"retry-after": "2.5"}, 2.5),
        ({"x-ratelimit-retry-after": "7", "retry-after": "2"}, 7.0),
    ],
)
@pytest.mark.parametrize("status", [408, 429, 503])
def test_hears_how_long_to_wait(status, headers, seconds):
    """Braze's own header comes before the general one."""
    assert verdict(status, b"", headers).retry_after == seconds


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (201, success()),
        (201, success(error(SENTENCE, 0))),
        (400, {"message": NO_VALID_DATA}),
        (401, {"message": "Invalid API Key"}),
        (413, b""),
        (429, b""),
        (500, b""),
    ],
)
def test_every_answer_tells_the_rate_window(status, body):
    """What Braze says of its rate window is read from every answer, whatever becomes of the request."""
    headers = {"x-ratelimit-limit": "3000", "x-ratelimit-remaining": "17", "x-ratelimit-reset": "2"}
    assert verdict(status, body, headers).quota == Quota(3000, 17, 2.0)
    assert verdict(status, body).quota is None
