"""The four shapes in which a list of items stands on a Braze profile.

`objects`: one array of objects `<prefix>items`. `ids`: one array of item ids `<prefix>items`. `flat`:
`<prefix>1_name`, `<prefix>1_price`, ... `arrays`: one array for each field, `<prefix>name`, `<prefix>price`, ...
Every shape is a list of places in a dictionary of text pieces, joined by `engine.gather`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from personalize_connectors.connectors.braze_values import LARGEST_LIST
from personalize_connectors.connectors.protocol import DataPoints, Fragments, Renderer
from personalize_connectors.engine.gather import gather, joined, json_strings, lengths, surrounded
from personalize_connectors.engine.item_documents import dump

Ints = np.ndarray

_TOO_LARGE = "the list is over 100 KB, which Braze drops without a word; name fewer or shorter itemMetadataFields, or lower itemsPerUser"


@dataclass(frozen=True)
class Shape:
    """What all shapes are rendered with."""

    prefix: str
    constants: Mapping[str, Any]
    fields: Sequence[str] | None
    allow_misaligned: bool
    longest: int


def attributes(payload: str, prefix: str, fields: Sequence[str] | None) -> frozenset[str]:
    """The names of the attributes that a shape writes; `<n>` and `<field>` stand where the data decides."""
    if payload in ("objects", "ids"):
        return frozenset([f"{prefix}items"])
    names = _with_item_id(fields if fields is not None else ["<field>"])
    return frozenset(f"{prefix}<n>_{name}" if payload == "flat" else f"{prefix}{name}" for name in names)


def renderer(payload: str, shape: Shape, documents: pa.Table) -> Renderer:
    """Renders batches of `user_id`, `items` into attributes objects with a comma behind each."""
    shapes = {"objects": _list, "ids": _list, "flat": _flat, "arrays": _arrays}
    return shapes[payload](shape, documents)


def data_points(payload: str, shape: Shape, documents: pa.Table) -> DataPoints:
    """What Braze bills: one for a scalar or an array of scalars, else one for each key of each object.

    Of `arrays` it is the most that a user can cost: a field that none of the user's items has is not sent. Users who have
    `flat` attributes get all of them again, for what falls away must be unset, which is billed too.
    """
    per_user = sum(map(_cost, shape.constants.values()))
    if payload == "ids":
        return DataPoints(per_user + 1, np.zeros(len(documents), np.int64))
    items = [orjson.loads(text) for text in _column(documents, "payload").to_pylist()]
    names = _with_item_id(shape.fields if shape.fields is not None else _names(items))
    if payload == "flat":
        costs = [sum(map(_cost, item.values())) for item in items]
        return DataPoints(per_user, np.array(costs, np.int64), per_user + shape.longest * len(names))
    if payload == "arrays":
        there = set(_names(items)) & set(names)
        nested = {name for name in there if any(isinstance(item.get(name), dict | list) for item in items)}
        per_user += len(there) - len(nested)
        costs = [sum(_keys(item[name]) for name in nested & item.keys()) for item in items]
    else:
        costs = [len(item) for item in items]
    return DataPoints(per_user, np.array(costs, np.int64))


def _cost(value: Any) -> int:
    if isinstance(value, list) and any(isinstance(element, dict | list) for element in value):
        return sum(map(_keys, value)) or 1
    return _keys(value) or 1


def _keys(value: Any) -> int:
    return len(value) if isinstance(value, dict) else 1


def _list(shape: Shape, documents: pa.Table) -> Renderer:
    """`objects` and `ids`: the payloads of the items, joined."""
    known, payloads = _column(documents, "item_id"), _column(documents, "payload")
    comma, end, first = range(len(payloads), len(payloads) + 3)
    after_head = f",{dump(shape.prefix + 'items').decode()}:["
    sizes = pc.binary_length(payloads).to_numpy().astype(np.int64) + 1

    def render(users: pa.RecordBatch) -> Fragments:
        pieces = pa.concat_arrays(
            [payloads, pa.array([",", "]},"]), surrounded("", _heads(shape, users), after_head)]
        )
        codes, rows = _codes(users, known), np.arange(len(users))
        counts = lengths(users["items"])
        layout = joined(first + rows, codes, counts, comma, np.full(len(users), end))
        too_large = np.flatnonzero(_sums(sizes[codes], counts) + 1 > LARGEST_LIST)
        return Fragments(gather(pieces, *layout), dict.fromkeys(too_large.tolist(), _TOO_LARGE))

    return render


def _flat(shape: Shape, documents: pa.Table) -> Renderer:
    """One attribute for each field of each item: the pieces `,"<prefix>`, place, `_name":"Lamp"`.

    Who was delivered before gets every place and field: those that fell away as null, or they would stay.
    """
    known = _column(documents, "item_id")
    fields = [_fields(payload) for payload in _column(documents, "payload").to_pylist()]
    names = _with_item_id(shape.fields if shape.fields is not None else _names(fields))
    places = [*fields, {}]
    whole = [{**dict.fromkeys(names, "null"), **of_place} for of_place in places]
    counts = np.array([len(of_place) for of_place in [*places, *whole]], np.int64)
    begins = np.cumsum(counts) - counts
    tails = [
        f"_{dump(name)[1:].decode()}:{value}"
        for of_place in [*places, *whole]
        for name, value in of_place.items()
    ]

    def render(users: pa.RecordBatch) -> Fragments:
        codes, sizes = _places(users, known, shape.longest)
        most = int(sizes.max(initial=0))
        fixed = [f",{dump(shape.prefix)[:-1].decode()}", *map(str, range(1, most + 1)), "},"]
        pieces = pa.concat_arrays([pa.array(tails, pa.string()), pa.array(fixed), _heads(shape, users)])
        lead, end, heads = len(tails), len(tails) + 1 + most, len(tails) + len(fixed) + np.arange(len(users))
        of_pair = np.repeat(np.arange(len(codes)), counts[codes])
        rank, step = _ranks(sizes), _ranks(counts[codes])
        triples = np.column_stack(
            [np.full(len(of_pair), lead), lead + 1 + rank[of_pair], begins[codes[of_pair]] + step]
        ).ravel()
        pairs = _sums(counts[codes], sizes)
        ends = np.cumsum(3 * pairs + 2)
        laid = np.zeros(int(ends[-1]) if len(ends) else 0, np.int64)
        inner = np.ones(len(laid), bool)
        inner[ends - 1] = inner[ends - 3 * pairs - 2] = False
        laid[inner], laid[ends - 3 * pairs - 2], laid[ends - 1] = triples, heads, end
        return Fragments(gather(pieces, laid, ends))

    return render


def _places(users: pa.RecordBatch, known: pa.Array, longest: int) -> tuple[Ints, Ints]:
    """The places of each user: item codes, and for who was delivered before the whole ones, filled up to the longest list."""
    codes, sizes, empty = _codes(users, known), lengths(users["items"]), len(known)
    before = _delivered_before(users)
    filled = np.where(before, np.maximum(sizes, longest), sizes)
    starts = np.cumsum(filled) - filled
    laid = np.full(int(filled.sum()), empty + empty + 1)
    laid[np.repeat(starts, sizes) + _ranks(sizes)] = codes + np.repeat(before, sizes) * (empty + 1)
    return laid, filled


def _arrays(shape: Shape, documents: pa.Table) -> Renderer:
    """One array for each field. Braze keeps arrays as sets, so equal or missing values would shift the others."""
    known = _column(documents, "item_id")
    fields = [_fields(payload) for payload in _column(documents, "payload").to_pylist()]
    names = _with_item_id(shape.fields if shape.fields is not None else _names(fields))
    values = [[of_item.get(name) for of_item in fields] for name in names]
    columns = [
        _Values.of(f",{dump(shape.prefix + name).decode()}:[", column)
        for name, column in zip(names, values, strict=True)
    ]

    def render(users: pa.RecordBatch) -> Fragments:
        codes, sizes = _codes(users, known), lengths(users["items"])
        owner = np.repeat(np.arange(len(users)), sizes)
        refused: dict[int, str] = {}
        parts = [_heads(shape, users)]
        for name, column in zip(names, columns, strict=True):
            of_item = column.codes[codes]
            if not shape.allow_misaligned:
                _refuse(refused, name, owner, of_item, len(column.pieces))
            parts.append(
                column.rendered(owner[of_item >= 0], of_item[of_item >= 0], _delivered_before(users))
            )
        bodies = pc.binary_join_element_wise(*parts, "},", "").cast(pa.large_binary())
        return Fragments(bodies, refused)

    return render


@dataclass(frozen=True)
class _Values:
    """The distinct values of one field: equal values share a code; -1 is an item without one."""

    opening: str
    pieces: pa.Array
    codes: Ints

    @classmethod
    def of(cls, opening: str, column: list[str | None]) -> _Values:
        coded = pa.array(column, pa.string()).dictionary_encode()
        return cls(opening, coded.dictionary, coded.indices.fill_null(-1).to_numpy().astype(np.int64))

    def rendered(self, owner: Ints, codes: Ints, before: Ints) -> pa.Array:
        """One array for each user; where no item has the field nothing, or null for who was delivered before."""
        having, sizes = np.unique(owner, return_counts=True)
        pieces = pa.concat_arrays([self.pieces, pa.array([",", "]", self.opening])])
        comma, end, opening = range(len(self.pieces), len(self.pieces) + 3)
        layout = joined(np.full(len(having), opening), codes, sizes, comma, np.full(len(having), end))
        place = np.full(len(before), -1)
        place[having] = np.arange(len(having))
        texts = gather(pieces, *layout).cast(pa.large_string()).cast(pa.string())
        none = pc.if_else(pa.array(before), f"{self.opening.removesuffix('[')}null", "")
        return pc.coalesce(texts.take(pa.array(place, mask=place < 0)), none)


def _refuse(refused: dict[int, str], name: str, owner: Ints, codes: Ints, distinct: int) -> None:
    missing = np.unique(owner[codes < 0])
    pairs, times = np.unique((owner * distinct + codes)[codes >= 0], return_counts=True)
    equal = np.unique(pairs[times > 1] // distinct)
    for user in missing.tolist():
        refused.setdefault(
            user, f"arrays: an item has no {name}, so the values behind it would move to other items"
        )
    for user in equal.tolist():
        refused.setdefault(
            user,
            f"arrays: two items have the same {name}, and Braze keeps arrays as sets, so values would move to other items",
        )


def _fields(payload: str) -> dict[str, str]:
    # Not with orjson, which rounds whole numbers over 64 bits.
    return {name: dump(value).decode() for name, value in json.loads(payload).items()}


def _names(fields: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for of_item in fields for name in of_item))


def _with_item_id(names: Sequence[str]) -> list[str]:
    return [*(name for name in names if name != "itemId"), "itemId"]


def _heads(shape: Shape, users: pa.RecordBatch) -> pa.Array:
    constants = f",{dump(dict(shape.constants))[1:-1].decode()}" if shape.constants else ""
    return surrounded('{"external_id":', json_strings(users["user_id"]), constants)


def _delivered_before(users: pa.RecordBatch) -> Ints:
    return np.asarray(pc.not_equal(users["change"], "added").to_numpy(zero_copy_only=False), bool)


def _ranks(counts: Ints) -> Ints:
    """0, 1, 2, ... within each of the groups of so many entries."""
    begins: Ints = np.repeat(np.cumsum(counts) - counts, counts)
    ranks: Ints = np.arange(len(begins)) - begins
    return ranks


def _sums(values: Ints, counts: Ints) -> Ints:
    """The sums of neighbouring groups of so many values."""
    totals: Ints = np.concatenate([[0], np.cumsum(values)])
    bounds: Ints = np.concatenate([[0], np.cumsum(counts)])
    sums: Ints = totals[bounds[1:]] - totals[bounds[:-1]]
    return sums


def _codes(users: pa.RecordBatch, known: pa.Array) -> Ints:
    return np.asarray(pc.index_in(users["items"].flatten(), value_set=known).to_numpy(), np.int64)


def _column(documents: pa.Table, name: str) -> pa.Array:
    return documents[name].combine_chunks()
