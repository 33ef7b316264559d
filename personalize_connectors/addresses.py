"""Addresses of the form scheme://[user:password@]host[:port][/path]."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit


def read_address(text: str, schemes: Collection[str]) -> SplitResult | None:
    """The parts of an address with one of the schemes; None where it has no such form, or no host or port that can be."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:
        return None
    readable = parts.scheme in schemes and host and not any(map(str.isspace, text))
    return parts if readable and port != 0 else None
