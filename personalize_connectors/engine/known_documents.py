"""Item documents that were rendered before: those of items whose metadata line is still the same are taken over.

Most of a catalogue is the same from one day to the next, and rendering is what costs most of each item.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from personalize_connectors.engine.gather import Ints
from personalize_connectors.engine.item_documents import SCHEMA, Payload, Selection, column, render
from personalize_connectors.engine.items import Items


def documents(
    items: Items, selection: Selection, payload: Payload, known: ds.Dataset | None
) -> tuple[pa.Table, int]:
    """The item documents as `render` gives them, and how many of them were rendered.

    Args:
        items: The items.
        selection: As for `render`.
        payload: As for `render`.
        known: What `render` gave of the same selection and payload, for any items and lines; None where there is nothing.
    """
    if known is None or not len(items):
        return render(items, selection, payload), len(items)
    places = _places_among(known, items)
    there, new = np.flatnonzero(places >= 0), np.flatnonzero(places < 0)
    rendered = render(items, selection, payload, new)
    if not len(there):
        return rendered, len(new)
    order = np.empty(len(items), np.int64)
    order[np.concatenate([there, new])] = np.arange(len(items))
    columns = [
        _merged(_read(known, name), places[there], column(rendered, name), order) for name in SCHEMA.names
    ]
    return pa.table(columns, schema=SCHEMA), len(new)


def _places_among(known: ds.Dataset, items: Items) -> Ints:
    """Where each item stands among the known documents; -1 where it is not, or was rendered of another line."""
    found = pc.index_in(items.ids, value_set=_read(known, "item_id"))
    before, now = _read(known, "line_digest").take(found), items.line_digests
    same = pc.or_(pc.equal(before, now).fill_null(fill_value=False), pc.and_(before.is_null(), now.is_null()))
    return np.asarray(pc.if_else(same, found, None).fill_null(-1).to_numpy(zero_copy_only=False), np.int64)


def _read(known: ds.Dataset, name: str) -> pa.Array:
    return column(known.to_table(columns=[name]), name).cast(SCHEMA.field(name).type)


def _merged(known: pa.Array, taken: Ints, rendered: pa.Array, order: Ints) -> pa.Array:
    """The known values at some places and those that were rendered, in the order of the items; a copy only where one is needed."""
    if not np.array_equal(taken, np.arange(len(known))):
        known = known.take(pa.array(taken))
    return pa.concat_arrays([known, rendered]).take(pa.array(order)) if len(rendered) else known
