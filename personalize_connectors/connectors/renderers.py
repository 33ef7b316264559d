"""Renderers for any connector whose records are JSON objects with one list each, a comma behind each record.

A record is given as it looks, with marks where the user's id and the items stand. Every fragment is a list of places in a
dictionary of text pieces, joined by `engine.gather`.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_connectors.connectors.protocol import Fields, Renderer
from personalize_connectors.connectors.rows import item_codes, marked
from personalize_connectors.engine.gather import (
    between,
    first_apart,
    gather,
    json_strings,
    lengths,
    surrounded,
)
from personalize_connectors.engine.item_documents import column, dump

# They begin with a code point that Unicode keeps out of all texts.
USER, ITEMS = "\ufdd0 user", "\ufdd0 items"


def list_renderer(documents: pa.Table, record: Fields) -> Renderer:
    """Renders records such as `{"id": USER, "source": "shop", "list": ITEMS}`; each mark stands in it once, the user first.

    In the place of `USER` stands the user's id, in that of `ITEMS` the array of the payloads of the user's items.
    """
    before, rest = _around(USER, record)
    middle, after = rest.split(_text(ITEMS))
    known, payloads = column(documents, "item_id"), column(documents, "payload")
    later, tail = surrounded(",", payloads, ""), pa.array([f"]{after},"])

    def render(users: pa.RecordBatch) -> pa.LargeBinaryArray:
        first, entries, others = first_apart(payloads, item_codes(users, known), lengths(users["items"]))
        names = json_strings(users["user_id"])
        heads = pc.binary_join_element_wise(before, names, f"{middle}[", first, "")
        head_codes = len(later) + 1 + np.arange(len(users))
        layout = between(head_codes, entries, others, len(later))
        return gather(pa.concat_arrays([later, tail, heads]), *layout)

    return render


def with_removals(written: Renderer, record: Fields) -> Renderer:
    """Renders who is removed as records such as `{"id": USER, "list": None}`, and all others as they are written."""
    before, after = _around(USER, record)

    def render(users: pa.RecordBatch) -> pa.LargeBinaryArray:
        removed = marked(users, "removed")
        if not removed.any():
            return written(users)
        names = json_strings(users["user_id"].filter(pa.array(removed)))
        gone = surrounded(before, names, f"{after},").cast(pa.large_binary())
        bodies = pa.concat_arrays([written(users.filter(pa.array(~removed))), gone])
        places = np.empty(len(users), np.int64)
        places[np.argsort(removed, kind="stable")] = np.arange(len(users))
        return bodies.take(pa.array(places))

    return render


def _around(mark: str, record: Fields) -> tuple[str, str]:
    before, after = _text(record).split(_text(mark))
    return before, after


def _text(value: Fields | str) -> str:
    return dump(value).decode()
