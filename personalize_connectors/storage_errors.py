"""What can go wrong below us, in the storage, in words for people."""

from __future__ import annotations

import re

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

STORAGE_ERRORS = (OSError, BaseError)
READ_FAILED = "the store failed while it was scanned:"
GONE = "gone while it was scanned:"
_REFUSALS = {
    "NoSuchBucket": "there is no such bucket; make it, or mend the address",
    "AccessDenied": "access denied: these credentials may not do it",
    "InvalidAccessKeyId": "AWS does not know this access key",
    "SignatureDoesNotMatch": "the secret access key is not the one of this access key",
    "ExpiredToken": "the credentials have expired; log in again",
    "AuthorizationHeaderMalformed": "the bucket is in another region: set AWS_REGION to it",
    "PermanentRedirect": "the bucket is in another region: set AWS_REGION to it",
    "incorrectly configured region": "the bucket is in another region: set AWS_REGION to it",
}


def storage_error_text(error: BaseException) -> str:
    """What a storage error says to a person, without the store's own debugging."""
    if refusal := _refusal(error):
        return refusal
    gone = re.search(f"{GONE} (['\"])(.+?)\\1: ", str(error))
    if gone or isinstance(error, FileNotFoundError):
        what = f"{gone[2]} is not there" if gone else _said(error)
        return f"{what}; it was there a moment ago, so another run of the same job may have replaced it: run again"
    return f"reading or writing failed: {_said(error)}"


def is_refused(error: BaseException) -> bool:
    """Whether the storage refuses what is asked until somebody changes something."""
    return _refusal(error) is not None


def is_storage_error(error: BaseException) -> bool:
    """Whether an error is of the storage; DuckDB wraps in an error of its own what a scan of S3 raises."""
    return isinstance(error, STORAGE_ERRORS) or any(word in str(error) for word in (READ_FAILED, GONE))


def _refusal(error: BaseException) -> str | None:
    said = str(error).partition("\n\nDebug")[0]
    for code, meaning in _REFUSALS.items():
        if code in said:
            return f"S3 refuses {_asked(said)}: {meaning}"
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):  # a HEAD has no code
        return f"S3 refuses {_asked(said)}: {_REFUSALS['AccessDenied']}"
    return None


def _asked(said: str) -> str:
    """The request that failed, without its query: a list prefix says no more than the address."""
    found = re.search(r"performing ([A-Z]+ [^\s?]+)", said)
    return found[1] if found else "the request"


def _said(error: BaseException) -> str:
    text = str(error).partition("\n\nDebug")[0].partition("<?xml")[0].partition("<Error>")[0]
    return " ".join(text.split())
