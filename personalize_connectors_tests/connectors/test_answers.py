"""What a status alone says, whatever the destination."""

import pytest

from personalize_connectors.connectors.answers import by_status, json_object, try_later
from personalize_connectors.connectors.exchange import Answer, Quota, Verdict

QUOTA = Quota(remaining=3)


@pytest.mark.parametrize(
    ("status", "uncertain", "throttled"),
    [
        (408, True, False),
        (429, False, True),
        (500, True, False),
        (502, True, False),
        (503, False, False),
        (504, True, False),
        (529, True, False),
    ],
)
def test_what_was_not_taken_for_now_is_tried_later(status, uncertain, throttled):
    """Timeouts, throttling and errors of the server are retried; only a 429 and a 503 say that nothing was applied."""
    answer = Answer(status, {"retry-after": "5"}, b"")
    expected = Verdict(
        "retry", "said", uncertain=uncertain, throttled=throttled, retry_after=5.0, quota=QUOTA
    )
    assert by_status(answer, "said", QUOTA) == try_later(answer, "said", QUOTA) == expected


def test_a_body_that_is_too_large_is_divided():
    """413 is about the bytes of the request."""
    answer = Answer(413, {}, b"")
    assert by_status(answer, "said") == Verdict("split", "said", too_large=True)
    assert try_later(answer, "said") is None


@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 404, 422])
def test_other_statuses_do_not_say_what_to_do(status):
    """What was really answered is for the connector to read; success is any status from 200 to 299."""
    answer = Answer(status, {}, b"")
    assert (by_status(answer, "said"), answer.success) == (None, status < 300)


@pytest.mark.parametrize(
    ("body", "expected"), [(b'{"a":1}', {"a": 1}), (b"[1]", {}), (b"<html>", {}), (b"", {}), (b"\xff", {})]
)
def test_a_body_that_is_no_object_reads_as_an_empty_one(body, expected):
    """Pages of something in between do not break the reading of an answer."""
    assert json_object(body) == expected
