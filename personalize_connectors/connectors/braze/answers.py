"""What Braze's answers to `POST /users/track` mean, per record.

Source: Braze documentation, "User track" (responses, fatal and non-fatal errors) and "API limits". Error texts come in two
dialects and change, so nothing depends on their spelling but the request that is too long.
"""

from __future__ import annotations

from typing import Any

from personalize_connectors.connectors.answers import by_status, json_object
from personalize_connectors.connectors.exchange import Answer, Quota, Verdict
from personalize_connectors.connectors.rate_headers import read_quota

_NOT_BRAZE = "BRAZE_REST_ENDPOINT_URL is not the REST endpoint of a Braze cluster (for example https://rest.iad-01.braze.com)"
_WHAT_TO_CHECK = {
    401: "the key in BRAZE_API_KEY is not valid at BRAZE_REST_ENDPOINT_URL (a key of another cluster is refused too), "
    "or lacks the permission users.track",
    403: "the key in BRAZE_API_KEY lacks the permission users.track, or the account is not active",
    404: _NOT_BRAZE,
    405: _NOT_BRAZE,
    415: "something between here and Braze changes the content type",
}
_REDIRECT = range(300, 400)
_DONE = ("success", "queued")


def read_answer(answer: Answer, records: int, now: float) -> Verdict:
    """The verdict on a request that held so many records, answered at a time in seconds since 1970."""
    quota, body = read_quota(answer.headers, now), json_object(answer.body)
    message, errors = body.get("message"), body.get("errors")
    if answer.success and message in _DONE and not errors:
        return Verdict("accepted", message, quota=quota)
    text = message if isinstance(message, str) else answer.body[:500].decode("utf-8", "replace")
    if refused := _whole_request(answer, text, quota):
        return refused
    rejected, unnamed = _rejected(errors if isinstance(errors, list) else [errors] if errors else [], records)
    if answer.success and message in _DONE and not unnamed:
        return Verdict("accepted", text, rejected, quota=quota)
    return Verdict(
        "rejected", unnamed or _said(answer, text), rejected, uncertain=answer.success, quota=quota
    )


def _whole_request(answer: Answer, text: str, quota: Quota | None) -> Verdict | None:
    """What is said of the request as a whole; None where it is about its records."""
    status, said = answer.status, _said(answer, text)
    if verdict := by_status(answer, said, quota):
        return verdict
    if status in _WHAT_TO_CHECK or status in _REDIRECT:
        what_to_check = _WHAT_TO_CHECK.get(status, _NOT_BRAZE)
        return Verdict("stop", f"Braze answered {status} {text!r}: {what_to_check}", quota=quota)
    if "max input length" in text.lower():
        return Verdict("split", said, quota=quota)
    return None


def _said(answer: Answer, text: str) -> str:
    return f"HTTP {answer.status} {text}".strip()


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
