"""Item documents: an item's selected metadata, rendered once to JSON text.

From here on a record is text joined to text. This is the one place that touches items one by one; there are far
fewer of them than users.
"""

from __future__ import annotations

import hashlib
import json
from binascii import b2a_base64
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

Fields = dict[str, Any]
# What is delivered of an item, and the values that break a rule: the rule, and the field.
Payload = Callable[[Fields], tuple[bytes, Sequence[tuple[str, str]]]]

# Each text that orjson writes takes some kilobytes until it is in a column.
_AT_ONCE = 4096

# A number this long may not fit 64 bits; orjson would round it.
_LONG_NUMBER = r"\d{19}"

SCHEMA = pa.schema(
    [
        ("item_id", pa.string()),
        ("document", pa.string()),
        ("payload", pa.string()),
        ("digest", pa.string()),
        ("has_metadata", pa.bool_()),
        ("findings", pa.list_(pa.struct([("rule", pa.string()), ("field", pa.string())]))),
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


def render(items: Iterable[tuple[str, str | None]], selection: Selection, payload: Payload) -> pa.Table:
    """The item documents of pairs of item id and metadata line (None where there is none), in the columns of `SCHEMA`.

    `document` is the item as it stands in the decorated record, `payload` what the connector delivers of it, `digest` 96 bits
    of MD5 over that as text (what the fingerprint of a user is made of), and `findings` what breaks the connector's rules.
    """
    waiting, found = iter(items), [[pa.array([], field.type)] for field in SCHEMA]
    while some := list(islice(waiting, _AT_ONCE)):
        rows = [
            _rendered(item_id, fields, selection, payload)
            for (item_id, _), fields in zip(some, _parsed([line for _, line in some]), strict=True)
        ]
        for arrays, values in zip(found, zip(*rows, strict=True), strict=True):
            arrays.append(pa.array(values, arrays[0].type))
    return pa.table([_joined(arrays) for arrays in found], schema=SCHEMA)


def _joined(arrays: list[pa.Array]) -> pa.Array:
    """All of them as one, which is then all that is held of them."""
    joined = pa.concat_arrays(arrays)
    arrays.clear()
    return joined


def _rendered(
    item_id: str, metadata: Fields | None, selection: Selection, payload: Payload
) -> tuple[Any, ...]:
    fields = selection.document(item_id, metadata or {})
    delivered, findings = payload(fields)
    found = tuple({"rule": rule, "field": field} for rule, field in findings)
    return item_id, dump(fields), delivered, _digest(delivered), metadata is not None, found


def column(documents: pa.Table, name: str) -> pa.Array:
    """A column of the item documents as one array, which most are: Arrow would copy it."""
    found = documents[name]
    return found.chunk(0) if found.num_chunks == 1 else found.combine_chunks()


def finding_counts(documents: pa.Table) -> Counter[tuple[str, str]]:
    """How many items break a rule with a field: rule and field to items."""
    found = column(documents, "findings").flatten()
    return Counter((finding["rule"], finding["field"]) for finding in found.to_pylist())


def unseen_fields(documents: pa.Table, selection: Selection) -> list[str]:
    """The fields that were asked for and that no item has."""
    unseen = set(selection.fields or ())
    for document in documents["document"].to_pylist() if unseen else []:
        unseen -= orjson.loads(document).keys()
        if not unseen:
            break
    return [field for field in selection.fields or () if field in unseen]


def dump(value: Any) -> bytes:
    """Compact JSON in UTF-8, not escaped."""
    try:
        return orjson.dumps(value)
    except TypeError:  # a whole number over 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _parsed(lines: list[str | None]) -> Iterator[Fields | None]:
    long = pc.match_substring_regex(pa.array(lines, pa.string()), _LONG_NUMBER).to_pylist()
    for line, has_long in zip(lines, long, strict=True):
        yield None if line is None else json.loads(line) if has_long else orjson.loads(line)


def _digest(payload: bytes) -> str:
    return b2a_base64(hashlib.md5(payload, usedforsecurity=False).digest()[:12], newline=False).decode()
