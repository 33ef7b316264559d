"""What can go wrong below us, in the storage, in words for people."""

from __future__ import annotations

from obstore.exceptions import BaseError

STORAGE_ERRORS = (OSError, BaseError)


def storage_error_text(error: BaseException) -> str:
    """What a storage error says to a person, without the store's own debugging."""
    if isinstance(error, FileNotFoundError):
        return f"{_said(error)}; it was there a moment ago, so another run of the same job may have replaced it: run again"
    return f"reading or writing failed: {_said(error)}"


def _said(error: BaseException) -> str:
    return " ".join(str(error).partition("\n\nDebug")[0].split())
