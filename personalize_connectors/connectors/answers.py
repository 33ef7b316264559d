"""What an answer means by its HTTP status, whatever the destination (RFC 9110, section 15)."""

from __future__ import annotations

from typing import Any

import orjson

from personalize_connectors.connectors.exchange import Answer, Quota, Verdict
from personalize_connectors.connectors.rate_headers import read_retry_after

_TIMEOUT, _TOO_LARGE, _THROTTLED, _SERVER_ERROR, _NO_CAPACITY = 408, 413, 429, 500, 503


def try_later(answer: Answer, said: str, quota: Quota | None = None) -> Verdict | None:
    """`retry` where the request was not taken for now (408, 429, 5xx); None where it is really answered.

    It may have been applied all the same where the answer is a timeout, or an error of the server or of what stands before it.
    """
    status = answer.status
    if status not in (_TIMEOUT, _THROTTLED) and status < _SERVER_ERROR:
        return None
    return Verdict(
        "retry",
        said,
        uncertain=status not in (_THROTTLED, _NO_CAPACITY),
        throttled=status == _THROTTLED,
        retry_after=read_retry_after(answer.headers),
        quota=quota,
    )


def by_status(answer: Answer, said: str, quota: Quota | None = None) -> Verdict | None:
    """`retry`, or `split` where the body was too large (413); None where the status alone does not say what to do."""
    if answer.status == _TOO_LARGE:
        return Verdict("split", said, too_large=True, quota=quota)
    return try_later(answer, said, quota)


def json_object(body: bytes) -> dict[str, Any]:
    """The object that a body is, or an empty one."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
