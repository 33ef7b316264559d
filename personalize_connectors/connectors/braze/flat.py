"""The payload shape `flat`: one attribute for each field of each item, `<prefix>1_name`, `<prefix>1_price`, ...

The pieces of an object are `,"<prefix>`, the place, and `_name":"Lamp"`. Who was delivered before gets every place and
field: those that fell away as null, or they would stay.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from personalize_connectors.connectors.braze.attributes import USER_ID, constants, field_names
from personalize_connectors.connectors.braze.settings import BrazeSettings
from personalize_connectors.connectors.protocol import Ints, Renderer
from personalize_connectors.connectors.rows import (
    heads,
    item_codes,
    item_texts,
    marked,
    ranks,
    sums,
)
from personalize_connectors.engine.gather import gather, lengths
from personalize_connectors.engine.item_documents import column, dump


def flat(settings: BrazeSettings, documents: pa.Table, longest: int) -> Renderer:
    """Renders attributes objects with a comma behind each."""
    known, fields = column(documents, "item_id"), item_texts(documents)
    nothing = dict.fromkeys(field_names(settings, fields), "null")
    places = [*fields, {}]
    places += [nothing | of_place for of_place in places]
    counts = np.array([len(of_place) for of_place in places], np.int64)
    begins = np.cumsum(counts) - counts
    tails = [f"_{dump(name)[1:].decode()}:{text}" for place in places for name, text in place.items()]
    opening = f",{dump(settings.attributePrefix)[:-1].decode()}"

    def render(users: pa.RecordBatch) -> pa.LargeBinaryArray:
        codes, sizes = _places(users, known, longest)
        most = int(sizes.max(initial=0))
        fixed = [opening, *map(str, range(1, most + 1)), "},"]
        pieces = pa.concat_arrays(
            [pa.array(tails, pa.string()), pa.array(fixed), heads(users, USER_ID, constants(settings))]
        )
        lead, end, head = len(tails), len(tails) + 1 + most, len(tails) + len(fixed) + np.arange(len(users))
        of_pair = np.repeat(np.arange(len(codes)), counts[codes])
        rank, step = ranks(sizes), ranks(counts[codes])
        triples = np.column_stack(
            [np.full(len(of_pair), lead), lead + 1 + rank[of_pair], begins[codes[of_pair]] + step]
        ).ravel()
        pairs = sums(counts[codes], sizes)
        ends = np.cumsum(3 * pairs + 2)
        laid = np.zeros(int(ends[-1]) if len(ends) else 0, np.int64)
        inner = np.ones(len(laid), bool)
        inner[ends - 1] = inner[ends - 3 * pairs - 2] = False
        laid[inner], laid[ends - 3 * pairs - 2], laid[ends - 1] = triples, head, end
        return gather(pieces, laid, ends)

    return render


def _places(users: pa.RecordBatch, known: pa.Array, longest: int) -> tuple[Ints, Ints]:
    """The places of each user: item codes, and for who was delivered before the whole ones, filled up to the longest list."""
    codes, sizes, empty = item_codes(users, known), lengths(users["items"]), len(known)
    before = ~marked(users, "added")
    filled = np.where(before, np.maximum(sizes, longest), sizes)
    starts = np.cumsum(filled) - filled
    laid = np.full(int(filled.sum()), empty + empty + 1)
    laid[np.repeat(starts, sizes) + ranks(sizes)] = codes + np.repeat(before, sizes) * (empty + 1)
    return laid, filled
