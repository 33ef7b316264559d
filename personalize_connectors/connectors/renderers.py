"""Renderers for any connector that writes one JSON object for each user, a comma behind each.

Every fragment is a list of places in a dictionary of text pieces, joined by `engine.gather`.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_connectors.connectors.protocol import Fields, Renderer
from personalize_connectors.connectors.rows import column, heads, item_codes, marked
from personalize_connectors.engine.gather import gather, joined, lengths
from personalize_connectors.engine.item_documents import dump


def list_renderer(documents: pa.Table, key: str, constants: Fields, name: str) -> Renderer:
    """Renders `{"<key>":<user id>,<constants>,"<name>":[<payload of each item>]}`."""
    known, payloads = column(documents, "item_id"), column(documents, "payload")
    comma, end, first = range(len(payloads), len(payloads) + 3)
    opening = f",{dump(name).decode()}:["

    def render(users: pa.RecordBatch) -> pa.LargeBinaryArray:
        begun = pc.binary_join_element_wise(heads(users, key, constants), opening, "")
        pieces = pa.concat_arrays([payloads, pa.array([",", "]},"]), begun])
        codes, counts, rows = item_codes(users, known), lengths(users["items"]), np.arange(len(users))
        return gather(pieces, *joined(first + rows, codes, counts, comma, np.full(len(users), end)))

    return render


def with_removals(written: Renderer, key: str, fields: Fields) -> Renderer:
    """Renders who is removed as `{"<key>":<user id>,<fields>}`, and everybody else as they are written."""

    def render(users: pa.RecordBatch) -> pa.LargeBinaryArray:
        removed = marked(users, "removed")
        if not removed.any():
            return written(users)
        begun = heads(users.filter(pa.array(removed)), key, fields)
        gone = pc.binary_join_element_wise(begun, "},", "").cast(pa.large_binary())
        bodies = pa.concat_arrays([written(users.filter(pa.array(~removed))), gone])
        places = np.empty(len(users), np.int64)
        places[np.argsort(removed, kind="stable")] = np.arange(len(users))
        return bodies.take(pa.array(places))

    return render
