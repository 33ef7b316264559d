"""Item ids as ids of catalog items, and back: a Braze catalog takes letters, digits, - and _ only.

Source: Braze documentation, "Create a catalog". An id that a catalog takes stays as it is, so that it can be read in
Braze; any other becomes `x-` and its UTF-8 bytes, where a letter or digit stands for itself and any other byte is `_` and
two hexadecimal digits: `tea/2` is `x-tea_2f2`.
"""

from __future__ import annotations

import re

LONGEST_ID = 250

_ENCODED = "x-"
_PLAIN = re.compile(rf"(?!{_ENCODED})[A-Za-z0-9_-]{{1,{LONGEST_ID}}}")
_OTHER_BYTE = re.compile(rb"[^A-Za-z0-9]")
_ESCAPE = re.compile(rb"_([0-9a-f]{2})")


def encoded(item_id: str) -> str:
    """The id of an item in a catalog; no two items share one.

    Raises:
        ValueError: It would be longer than a catalog takes.
    """
    if _PLAIN.fullmatch(item_id):
        return item_id
    catalog_id = _ENCODED + _OTHER_BYTE.sub(lambda byte: b"_%02x" % byte[0][0], item_id.encode()).decode()
    if len(catalog_id) > LONGEST_ID:
        raise ValueError(
            f"the item id {item_id[:60]!r}... takes {len(catalog_id)} characters as the id of a catalog item; "
            f"Braze takes {LONGEST_ID}"
        )
    return catalog_id


def decoded(catalog_id: str) -> str:
    """The item that an id in a catalog stands for.

    Raises:
        ValueError: No item has that id in a catalog.
    """
    item_id = catalog_id
    if catalog_id.startswith(_ENCODED):
        escaped = catalog_id.removeprefix(_ENCODED).encode()
        item_id = _ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode()), escaped).decode(
            errors="replace"
        )
    if encoded(item_id) != catalog_id:
        raise ValueError(f"{catalog_id!r} is not what an item id becomes in a catalog")
    return item_id
