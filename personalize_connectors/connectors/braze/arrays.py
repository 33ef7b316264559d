"""The payload shape `arrays`: one array for each field, `<prefix>name`, `<prefix>price`, ...

Braze keeps arrays as sets ("Data types", arrays), so that equal or missing values shift the others to other items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_connectors.connectors.braze.attributes import USER_ID, constants, field_names
from personalize_connectors.connectors.braze.settings import BrazeSettings
from personalize_connectors.connectors.braze.values import LARGEST_NESTED
from personalize_connectors.connectors.protocol import Finding, Ints, Judge, Renderer
from personalize_connectors.connectors.rows import heads, item_codes, item_texts, marked, owners
from personalize_connectors.engine.gather import between, first_apart, gather, surrounded
from personalize_connectors.engine.item_documents import column, dump


def arrays(settings: BrazeSettings, documents: pa.Table, longest: int) -> Renderer:  # noqa: ARG001 - of all shapes
    """Renders attributes objects with a comma behind each."""
    known, columns = column(documents, "item_id"), _columns(settings, documents)
    openings = [f",{dump(settings.attributePrefix + values.field).decode()}:" for values in columns]

    def render(users: pa.RecordBatch) -> pa.LargeBinaryArray:
        codes, owner = item_codes(users, known), owners(users)
        before = ~marked(users, "added")
        parts = [heads(users, USER_ID, constants(settings))]
        for opening, values in zip(openings, columns, strict=True):
            of_item = values.codes[codes]
            having = of_item >= 0
            parts.append(values.rendered(opening, owner[having], of_item[having], before))
        return pc.binary_join_element_wise(*parts, "},", "").cast(pa.large_binary())

    return render


def arrays_judge(settings: BrazeSettings, documents: pa.Table) -> Judge:
    """Finds users whose arrays Braze would not keep as they are."""
    known, columns = column(documents, "item_id"), _columns(settings, documents)

    def found(users: pa.RecordBatch) -> dict[int, Finding]:
        codes, owner = item_codes(users, known), owners(users)
        findings: dict[int, Finding] = {}
        for values in columns:
            of_item = values.codes[codes]
            rules = {"list_over_100_kb": values.too_large(owner, of_item, len(users))}
            if not settings.allowMisaligned:
                rules["misaligned"] = values.misaligned(owner, of_item)
            for rule, places in rules.items():
                findings = dict.fromkeys(places.tolist(), Finding(rule, values.field)) | findings
        return findings

    return found


@dataclass(frozen=True)
class _Values:
    """The distinct values of one field: equal values share a code; -1 is an item without one.

    Attributes:
        field: Its name.
        pieces: The values, as JSON.
        later: The same, each with a comma before it.
        codes: For each item its value's place in them.
    """

    field: str
    pieces: pa.Array
    later: pa.Array
    codes: Ints

    def rendered(self, opening: str, owner: Ints, codes: Ints, before: Ints) -> pa.Array:
        """One array for each user; where no item has the field nothing, or null for who was delivered before."""
        having, sizes = np.unique(owner, return_counts=True)
        first, entries, others = first_apart(self.pieces, codes, sizes)
        heads = surrounded(f"{opening}[", first, "")
        pieces = pa.concat_arrays([self.later, pa.array(["]"]), heads])
        layout = between(len(self.later) + 1 + np.arange(len(having)), entries, others, len(self.later))
        place = np.full(len(before), -1)
        place[having] = np.arange(len(having))
        texts = gather(pieces, *layout).cast(pa.large_string()).cast(pa.string())
        none = pc.if_else(pa.array(before), f"{opening}null", "")
        return pc.coalesce(texts.take(pa.array(place, mask=place < 0)), none)

    def misaligned(self, owner: Ints, codes: Ints) -> Ints:
        """Users of whose items one has no value, or two have the same."""
        distinct = len(self.pieces)
        pairs, times = np.unique((owner * distinct + codes)[codes >= 0], return_counts=True)
        return np.union1d(owner[codes < 0], pairs[times > 1] // distinct)

    def too_large(self, owner: Ints, codes: Ints, users: int) -> Ints:
        """Users whose array is over 100 KB."""
        sizes = pc.binary_length(self.pieces).to_numpy().astype(np.int64) + 1
        having = codes >= 0
        return np.flatnonzero(np.bincount(owner[having], sizes[codes[having]], users) + 1 > LARGEST_NESTED)


def _columns(settings: BrazeSettings, documents: pa.Table) -> list[_Values]:
    fields = item_texts(documents)
    found = []
    for name in field_names(settings, fields):
        coded = pa.array([of_item.get(name) for of_item in fields], pa.string()).dictionary_encode()
        codes = coded.indices.fill_null(-1).to_numpy().astype(np.int64)
        found.append(_Values(name, coded.dictionary, surrounded(",", coded.dictionary, ""), codes))
    return found
