"""Item documents: an item's selected metadata, rendered once to JSON text.

From here on a record is text joined to text. This is the one place that touches items one by one; there are far
fewer of them than users.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa

Fields = dict[str, Any]
Payload = Callable[[Fields], bytes]

# A number this long may not fit 64 bits; orjson would round it.
_LONG_NUMBER = re.compile(rb"\d{19}")

SCHEMA = pa.schema(
    [
        ("item_id", pa.string()),
        ("document", pa.string()),
        ("payload", pa.string()),
        ("digest", pa.string()),
        ("has_metadata", pa.bool_()),
        ("left_out", pa.list_(pa.string())),
    ]
)


@dataclass(frozen=True)
class Selection:
    """Which metadata an item document holds: these fields in this order, or all but `id` in the file's order."""

    fields: tuple[str, ...] | None = None

    def document(self, item_id: str, metadata: Fields) -> Fields:
        """The fields of one item and its `itemId`; a field that is missing or null is left out."""
        wanted = self.fields if self.fields is not None else [key for key in metadata if key != "id"]
        chosen = {key: metadata[key] for key in wanted if key != "itemId" and metadata.get(key) is not None}
        return {**chosen, "itemId": item_id}


def render(
    items: Iterable[tuple[str, str | None]],
    selection: Selection,
    payload: Payload,
    left_out: Callable[[Fields], list[str]] = lambda _: [],
) -> pa.Table:
    """The item documents of pairs of item id and metadata line (None where there is none), in the columns of `SCHEMA`.

    `document` is the item as it stands in the decorated record, `payload` what the connector delivers of it, and
    `left_out` which fields of the document that is without, and why, and `digest` 96 bits of MD5 over the payload, as text: what the fingerprint of a user is made of.
    """
    columns: tuple[list[Any], ...] = ([], [], [], [], [], [])
    for item_id, line in items:
        fields = selection.document(item_id, _parse(line) if line else {})
        delivered = payload(fields)
        row = (item_id, dump(fields), delivered, _digest(delivered), line is not None, left_out(fields))
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
    return pa.table(arrays, schema=SCHEMA)


def field_notes(documents: pa.Table, selection: Selection) -> list[str]:
    """What a person should know of the fields: those that the destination would drop, and those that no item has."""
    counted = Counter(reason for reasons in documents["left_out"].to_pylist() for reason in reasons)
    notes = [f"{field} ({number:,} items)" for field, number in counted.most_common()]
    unseen = set(selection.fields or ())
    for document in documents["document"].to_pylist() if unseen else []:
        unseen -= orjson.loads(document).keys()
        if not unseen:
            break
    return notes + [f"{field}: no item has it" for field in selection.fields or () if field in unseen]


def dump(value: Any) -> bytes:
    """Compact JSON in UTF-8, not escaped."""
    try:
        return orjson.dumps(value)
    except TypeError:  # a whole number over 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _parse(line: str) -> Fields:
    text = line.encode()
    parsed: Fields = json.loads(text) if _LONG_NUMBER.search(text) else orjson.loads(text)
    return parsed


def _digest(payload: bytes) -> str:
    return b64encode(hashlib.md5(payload, usedforsecurity=False).digest()[:12]).decode()
