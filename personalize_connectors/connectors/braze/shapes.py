"""The shapes in which a list of items stands on a Braze profile, and what is sent to take it away again."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_connectors.connectors.braze.arrays import arrays, arrays_judge
from personalize_connectors.connectors.braze.attributes import UPDATE_ONLY, USER_ID, everything
from personalize_connectors.connectors.braze.flat import flat
from personalize_connectors.connectors.braze.lists import lists, lists_judge
from personalize_connectors.connectors.braze.settings import BrazeSettings
from personalize_connectors.connectors.protocol import Finding, Judge, Renderer
from personalize_connectors.connectors.renderers import USER, with_removals

_LARGEST_ID = 987


def renderer(settings: BrazeSettings, documents: pa.Table, longest: int) -> Renderer:
    """Renders batches of users into attributes objects with a comma behind each; who is removed gets nulls."""
    shapes = {"objects": lists, "ids": lists, "flat": flat, "arrays": arrays}
    written = shapes[settings.payload](settings, documents, longest)
    nothing = dict.fromkeys(everything(settings, documents, longest))
    return with_removals(written, {USER_ID: USER, UPDATE_ONLY: True, **nothing})


def judge(settings: BrazeSettings, documents: pa.Table, longest: int) -> Judge:  # noqa: ARG001 - of all connectors
    """Finds users whose id Braze refuses, or whose list it would drop or shift."""
    of_lists = _judge_of_lists(settings, documents)

    def found(users: pa.RecordBatch) -> dict[int, Finding]:
        sizes = pc.binary_length(users["user_id"]).to_numpy(zero_copy_only=False)
        too_long = np.flatnonzero(sizes > _LARGEST_ID).tolist()
        return {**of_lists(users), **dict.fromkeys(too_long, Finding("id_over_987_bytes", USER_ID))}

    return found


def _judge_of_lists(settings: BrazeSettings, documents: pa.Table) -> Judge:
    if settings.payload == "flat":
        return lambda _: {}
    return arrays_judge(settings, documents) if settings.payload == "arrays" else lists_judge(documents)
