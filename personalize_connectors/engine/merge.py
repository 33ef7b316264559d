"""Related items: each user's list out of the lists of the items mapped to the user.

All work is on arrays of integer codes, over slices of users that bound the rows in flight.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from personalize_connectors.engine.gather import lengths
from personalize_connectors.engine.ids import distinct, places, places_of
from personalize_connectors.engine.recommendations import SCHEMA

Ints = np.ndarray

_ROWS_IN_FLIGHT = 4_000_000
_LISTS = ["query", "recommended"]


@dataclass(frozen=True)
class ItemLists:
    """The recommended lists by query item, as codes.

    Attributes:
        queries: Query items.
        names: Item ids; a code is a place in here.
        codes: The lists, one after the other.
        offsets: Where each query's list begins in `codes`; one more than there are queries.
    """

    queries: pa.Array
    names: pa.Array
    codes: Ints
    offsets: Ints


def item_lists(lines: Iterable[pa.RecordBatch]) -> ItemLists:
    """Code the columns `query` and `recommended`; lists as text, or in a dictionary."""
    found = [batch.select(_LISTS) for batch in lines]
    if not found:
        nothing = np.zeros(0, np.int64)
        return ItemLists(pa.array([], pa.string()), pa.array([], pa.string()), nothing, np.zeros(1, np.int64))
    names = distinct(batch["recommended"].flatten() for batch in found)
    sizes = np.concatenate([lengths(batch["recommended"]) for batch in found])
    return ItemLists(
        queries=pa.concat_arrays([batch["query"] for batch in found]),
        names=names,
        codes=np.concatenate([places(batch["recommended"], names) for batch in found]),
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
    )


def merged(
    users: Iterable[pa.RecordBatch],
    lists: ItemLists,
    policy: str,
    longest: int,
    rows_in_flight: int = _ROWS_IN_FLIGHT,
) -> Iterator[pa.RecordBatch]:
    """The rows of `user_recommendations` for batches of `user_id`, `mapped`; users left with no item are left out.

    `merge` takes the first of each mapped item's list, then the second of each, and so on, in mapping order, without
    repeats and without the items mapped to the user. `first` takes the list of the first mapped item that has one.
    A batch is cut between users so that about `rows_in_flight` list entries are looked at at a time.
    """
    for batch in users:
        yield from _merged_batch(batch, lists, policy, longest, rows_in_flight)


def _merged_batch(
    batch: pa.RecordBatch, lists: ItemLists, policy: str, longest: int, rows_in_flight: int
) -> Iterator[pa.RecordBatch]:
    mapped = batch["mapped"]
    counts = lengths(mapped)
    flat = mapped.flatten()
    user = np.repeat(np.arange(len(counts)), counts)
    query, own = places_of(flat, lists.queries), places_of(flat, lists.names)
    sizes = np.where(query >= 0, lists.offsets[query + 1] - lists.offsets[query], 0)
    if policy == "first":
        having = sizes > 0
        first = having & ~pd.Series(np.where(having, user, -1)).duplicated().to_numpy()
        sizes = np.where(first, sizes, 0)
        own = np.full_like(own, -1)
    for start, end in _slices(user, sizes, rows_in_flight):
        rows = slice(start, end)
        yield _merged_slice(
            batch["user_id"], flat[rows], user[rows], query[rows], own[rows], sizes[rows], lists, longest
        )


def _slices(user: Ints, sizes: Ints, rows_in_flight: int) -> Iterator[tuple[int, int]]:
    """Cut mapping rows between users so that each cut expands to a bounded number of rows (or is one user)."""
    expanded = np.concatenate([[0], np.cumsum(sizes)])
    borders = np.concatenate([np.flatnonzero(np.diff(user, prepend=-1)), [len(user)]])
    start = 0
    while start < len(user):
        last = np.searchsorted(expanded, expanded[start] + rows_in_flight, side="right") - 1
        end = borders[
            max(np.searchsorted(borders, last, side="right") - 1, np.searchsorted(borders, start) + 1)
        ]
        yield int(start), int(end)
        start = end


def _merged_slice(
    names: pa.Array,
    flat: pa.Array,
    user: Ints,
    query: Ints,
    own: Ints,
    sizes: Ints,
    lists: ItemLists,
    longest: int,
) -> pa.RecordBatch:
    total = int(sizes.sum())
    starts = np.cumsum(sizes) - sizes
    rank = np.arange(total) - np.repeat(starts, sizes)
    item = lists.codes[np.repeat(lists.offsets[query], sizes) + rank]
    owner = np.repeat(user, sizes)
    if len(np.unique(user)) < len(user):
        order = np.argsort(owner * (int(sizes.max(initial=0)) + 1) + rank, kind="stable")
        item, owner = item[order], owner[order]
    pair = owner * len(lists.names) + item
    mapped = (user * len(lists.names) + own)[own >= 0]
    wanted = ~pd.Series(pair).duplicated().to_numpy() & ~pd.Series(pair).isin(mapped).to_numpy()
    item, owner = item[wanted], owner[wanted]
    place = np.arange(len(owner)) - np.searchsorted(owner, owner)
    item, owner = item[place < longest], owner[place < longest]
    users, kept = np.unique(owner, return_counts=True)
    used = (sizes > 0) & np.isin(user, users)
    items = pa.ListArray.from_arrays(
        _offsets(kept), pa.DictionaryArray.from_arrays(pa.array(item, pa.int32()), lists.names)
    )
    queries = pa.ListArray.from_arrays(
        _offsets(np.unique(user[used], return_counts=True)[1]), flat.filter(pa.array(used))
    )
    return pa.record_batch(
        [names.take(pa.array(users)), items, pa.nulls(len(users), SCHEMA.field("scores").type), queries],
        names=SCHEMA.names,
    )


def _offsets(sizes: Ints) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
