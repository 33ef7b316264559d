"""What goes back over HTTP."""

from __future__ import annotations

from typing import NamedTuple

import orjson

Headers = tuple[tuple[str, str], ...]


class Answer(NamedTuple):
    """A status, a JSON body, and headers beside its content type."""

    status: int
    body: bytes
    headers: Headers = ()


def message(status: int, text: str, headers: Headers = ()) -> Answer:
    """An answer that only says something."""
    return Answer(status, orjson.dumps({"message": text}), headers)
