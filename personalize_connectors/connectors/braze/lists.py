"""The payload shapes `objects` and `ids`: one array `<prefix>items`, which is the payloads of the items, joined."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_connectors.connectors.braze.attributes import USER_ID, constants
from personalize_connectors.connectors.braze.settings import BrazeSettings
from personalize_connectors.connectors.braze.values import LARGEST_NESTED
from personalize_connectors.connectors.protocol import Finding, Judge, Renderer
from personalize_connectors.connectors.renderers import ITEMS, USER, list_renderer
from personalize_connectors.connectors.rows import item_codes, sums
from personalize_connectors.engine.gather import lengths
from personalize_connectors.engine.item_documents import column


def lists(settings: BrazeSettings, documents: pa.Table, longest: int) -> Renderer:  # noqa: ARG001 - of all shapes
    """Renders attributes objects with a comma behind each."""
    record = {USER_ID: USER, **constants(settings), f"{settings.attributePrefix}items": ITEMS}
    return list_renderer(documents, record)


def lists_judge(documents: pa.Table) -> Judge:
    """Finds users whose list is over 100 KB."""
    known = column(documents, "item_id")
    sizes = pc.binary_length(column(documents, "payload")).to_numpy().astype(np.int64) + 1

    largest = sizes.max(initial=0)

    def found(users: pa.RecordBatch) -> dict[int, Finding]:
        counts = lengths(users["items"])
        if counts.max(initial=0) * largest < LARGEST_NESTED:  # as it is of most batches
            return {}
        of_users = sums(sizes[item_codes(users, known)], counts) + 1
        places = np.flatnonzero(of_users > LARGEST_NESTED)
        return dict.fromkeys(places.tolist(), Finding("list_over_100_kb"))

    return found
