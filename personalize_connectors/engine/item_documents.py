"""Item documents: an item's selected metadata, rendered once to JSON text.

From here on a record is text joined to text. This is the one place that touches items one by one; there are far
fewer of them than users.
"""

from __future__ import annotations

import json
from binascii import b2a_base64
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from personalize_connectors.engine.digests import MD5, digesting
from personalize_connectors.engine.gather import Ints
from personalize_connectors.engine.items import Items

Fields = dict[str, Any]
# What is delivered of an item, and the values that break a rule: the rule, and the field.
Payload = Callable[[Fields], tuple[bytes, Sequence[tuple[str, str]]]]

# Each text that orjson writes takes some kilobytes until it is in a column; of so many they are in the caches of a processor.
_AT_ONCE = 512
_DIGEST_BYTES = 12
# The item's own id stands behind all other fields.
_IDS = ("id", "itemId")

# A number this long may not fit 64 bits; orjson would round it.
_LONG_NUMBER = r"\d{19}"

SCHEMA = pa.schema(
    [
        ("item_id", pa.string()),
        ("document", pa.string()),
        ("payload", pa.string()),
        ("digest", pa.string()),
        ("has_metadata", pa.bool_()),
        ("line_digest", pa.binary(16)),
        ("findings", pa.list_(pa.struct([("rule", pa.string()), ("field", pa.string())]))),
    ]
)


@dataclass(frozen=True)
class Selection:
    """Which metadata an item document holds: these fields in this order, or all but `id` in the file's order."""

    fields: tuple[str, ...] | None = None

    def document(self, item_id: str, metadata: Fields) -> Fields:
        """The fields of one item and its `itemId`; a field that is missing or null is left out."""
        wanted = self._wanted if self.fields is not None else [key for key in metadata if key not in _IDS]
        chosen = {key: value for key in wanted if (value := metadata.get(key)) is not None}
        chosen["itemId"] = item_id
        return chosen

    @cached_property
    def _wanted(self) -> tuple[str, ...]:
        return tuple(field for field in self.fields or () if field != "itemId")


def render(items: Items, selection: Selection, payload: Payload, wanted: Ints | None = None) -> pa.Table:
    """The item documents of all items, or of those at the places that are `wanted`, in the columns of `SCHEMA`.

    `document` is the item as it stands in the decorated record, `payload` what the connector delivers of it, `digest` 96 bits
    of MD5 over that as text (what the fingerprint of a user is made of), `line_digest` that of its metadata line, and `findings`
    what breaks the connector's rules.
    """
    wanted = np.arange(len(items)) if wanted is None else wanted
    found, md5_of = [[pa.array([], field.type)] for field in SCHEMA], digesting()
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        ids, lines = items.ids.take(pa.array(some)), items.lines(some)
        rendered = [
            _rendered(item_id, fields, selection, payload)
            for item_id, fields in zip(ids.to_pylist(), _parsed(lines), strict=True)
        ]
        documents, texts, findings = zip(*rendered, strict=True)
        payloads = pa.array(texts, pa.string())
        line_digests = items.line_digests.take(pa.array(some))
        columns = (
            ids,
            documents,
            payloads,
            _digests(md5_of(payloads)),
            lines.is_valid(),
            line_digests,
            findings,
        )
        for arrays, values in zip(found, columns, strict=True):
            arrays.append(values if isinstance(values, pa.Array) else pa.array(values, arrays[0].type))
    return pa.table([_joined(arrays) for arrays in found], schema=SCHEMA)


def _joined(arrays: list[pa.Array]) -> pa.Array:
    """All of them as one, which is then all that is held of them."""
    joined = pa.concat_arrays(arrays)
    arrays.clear()
    return joined


def _rendered(
    item_id: str, metadata: Fields | None, selection: Selection, payload: Payload
) -> tuple[bytes, bytes, tuple[dict[str, str], ...]]:
    fields = selection.document(item_id, metadata or {})
    delivered, findings = payload(fields)
    found = tuple({"rule": rule, "field": field} for rule, field in findings) if findings else ()
    return dump(fields), delivered, found


def column(documents: pa.Table, name: str) -> pa.Array:
    """A column of the item documents as one array, which most are: Arrow would copy it."""
    found = documents[name]
    return found.chunk(0) if found.num_chunks == 1 else found.combine_chunks()


def finding_counts(documents: pa.Table) -> Counter[tuple[str, str]]:
    """How many items break a rule with a field: rule and field to items."""
    found = column(documents, "findings").flatten()
    return Counter((finding["rule"], finding["field"]) for finding in found.to_pylist())


def unseen_fields(documents: pa.Table, selection: Selection) -> list[str]:
    """The fields that were asked for and that no item has; none where there is no item."""
    unseen, texts = set(selection.fields or ()) if len(documents) else set(), column(documents, "document")
    for start in range(0, len(texts), _AT_ONCE):
        if not unseen:
            break
        for document in texts.slice(start, _AT_ONCE).to_pylist():
            unseen -= orjson.loads(document).keys()
    return [field for field in selection.fields or () if field in unseen]


def dump(value: Any) -> bytes:
    """Compact JSON in UTF-8, not escaped."""
    try:
        return orjson.dumps(value)
    except TypeError:  # a whole number over 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _parsed(lines: pa.LargeStringArray) -> Iterator[Fields | None]:
    long = pc.match_substring_regex(lines, _LONG_NUMBER)
    for line, has_long in zip(lines.to_pylist(), long.to_pylist(), strict=True):
        yield None if line is None else json.loads(line) if has_long else orjson.loads(line)


def _digests(md5: pa.FixedSizeBinaryArray) -> pa.StringArray:
    """The first 96 bits of each, in Base64."""
    whole = (
        np.frombuffer(md5.buffers()[1], f"V{MD5.byte_width}", len(md5)).view(np.uint8).reshape(len(md5), -1)
    )
    letters = b2a_base64(whole[:, :_DIGEST_BYTES].tobytes(), newline=False)
    ends = np.arange(len(md5) + 1, dtype=np.int32) * (_DIGEST_BYTES * 4 // 3)
    return pa.StringArray.from_buffers(len(md5), pa.py_buffer(ends), pa.py_buffer(letters))
