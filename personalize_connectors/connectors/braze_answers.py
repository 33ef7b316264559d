"""What Braze's answers to `POST /users/track` mean, per record.

Source: Braze documentation, "User track" (responses, fatal and non-fatal errors) and "API limits". Error texts come in two
dialects and change, so nothing depends on their spelling but the request that is too long.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from personalize_connectors.connectors.protocol import Answer, Verdict

_RETRIED = (408, 429)
_NOT_BRAZE = "BRAZE_REST_ENDPOINT_URL is not the REST endpoint of a Braze cluster (for example https://rest.iad-01.braze.com)"
_WHAT_TO_CHECK = {
    401: "the key in BRAZE_API_KEY is not valid at BRAZE_REST_ENDPOINT_URL (a key of another cluster is refused too), "
    "or lacks the permission users.track",
    403: "the key in BRAZE_API_KEY lacks the permission users.track, or the account is not active",
    404: _NOT_BRAZE,
    405: _NOT_BRAZE,
    415: "something between here and Braze changes the content type",
}
_TOO_LARGE = 413
_SUCCESS = range(200, 300)
_REDIRECT = range(300, 400)
_SERVER_ERROR = 500


def read_answer(answer: Answer, records: int) -> Verdict:
    """The verdict on a request that held so many records."""
    body = _json_object(answer.body)
    message, errors = body.get("message"), body.get("errors")
    text = message if isinstance(message, str) else answer.body[:500].decode("utf-8", "replace")
    said = f"HTTP {answer.status} {text}".strip()
    if answer.status in _RETRIED or answer.status >= _SERVER_ERROR:
        return Verdict("retry", said, retry_after=_retry_after(answer.headers))
    if answer.status in _WHAT_TO_CHECK or answer.status in _REDIRECT:
        what_to_check = _WHAT_TO_CHECK.get(answer.status, _NOT_BRAZE)
        return Verdict("stop", f"Braze answered {answer.status} {text!r}: {what_to_check}")
    if answer.status == _TOO_LARGE or "max input length" in text.lower():
        return Verdict("split", said)
    rejected, unnamed = _rejected(errors if isinstance(errors, list) else [errors] if errors else [], records)
    done = answer.status in _SUCCESS and message in ("success", "queued")
    if done and not unnamed:
        return Verdict("accepted", text, rejected)
    return Verdict("rejected", unnamed or said, rejected)


def _rejected(errors: list[Any], records: int) -> tuple[dict[int, str], str]:
    """Places named by `errors[]`, and the text of an entry that names none (then nothing can be told apart)."""
    rejected: dict[int, str] = {}
    for entry in errors:
        error = entry if isinstance(entry, dict) else {"type": str(entry)}
        text, index = str(error.get("type", error)), error.get("index")
        if type(index) is not int or not 0 <= index < records:
            return rejected, f"{text} (Braze did not say for which user)"
        rejected[index] = text
    return rejected, ""


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _retry_after(headers: Mapping[str, str]) -> float | None:
    for name in ("X-Ratelimit-Retry-After", "Retry-After"):
        try:
            return max(0.0, float(headers[name]))
        except (KeyError, ValueError):
            continue
    return None
