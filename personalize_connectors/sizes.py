"""Sizes in bytes, as a person writes them: `4GiB`, `512 MiB`, `300MB`."""

from __future__ import annotations

import re

from personalize_connectors.errors import BadSettings

_UNITS = {
    "B": 1,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*((?:[KMGT]i?)?B)", re.IGNORECASE)


def read_size(name: str, text: str, least: int, example: str) -> int:
    """The bytes that a variable names, in powers of 1,000 or 1,024.

    Raises:
        BadSettings: it is no size, or under the least in bytes.
    """
    found = _SIZE.fullmatch(text.strip())
    size = int(float(found[1]) * _UNITS[found[2].upper()]) if found else -1
    if size < least:
        at_least = f" of at least {least >> 20} MiB" if least else ""
        raise BadSettings(f"{name} is {text!r}; write a size{at_least}, for example {example}")
    return size
