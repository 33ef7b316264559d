"""Related items: each user's list out of the lists of the items mapped to the user.

All work is on arrays of integer codes, over slices of users that bound the rows in flight.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from personalize_connectors.engine.recommendations import SCHEMA

Ints = np.ndarray

_ROWS_IN_FLIGHT = 4_000_000


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


def item_lists(lines: pa.Table) -> ItemLists:
    """Code the columns `query` and `recommended`."""
    recommended = lines["recommended"].combine_chunks()
    coded = recommended.flatten().dictionary_encode()
    lengths = pc.list_value_length(recommended).to_numpy(zero_copy_only=False)
    return ItemLists(
        queries=lines["query"].combine_chunks(),
        names=coded.dictionary,
        codes=coded.indices.to_numpy().astype(np.int64),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
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
    counts = pc.list_value_length(mapped).to_numpy(zero_copy_only=False).astype(np.int64)
    flat = mapped.flatten()
    user = np.repeat(np.arange(len(counts)), counts)
    query = pc.index_in(flat, value_set=lists.queries).fill_null(-1).to_numpy().astype(np.int64)
    own = pc.index_in(flat, value_set=lists.names).fill_null(-1).to_numpy().astype(np.int64)
    lengths = np.where(query >= 0, lists.offsets[query + 1] - lists.offsets[query], 0)
    if policy == "first":
        having = lengths > 0
        first = having & ~pd.Series(np.where(having, user, -1)).duplicated().to_numpy()
        lengths = np.where(first, lengths, 0)
        own = np.full_like(own, -1)
    for start, end in _slices(user, lengths, rows_in_flight):
        rows = slice(start, end)
        yield _merged_slice(
            batch["user_id"], flat[rows], user[rows], query[rows], own[rows], lengths[rows], lists, longest
        )


def _slices(user: Ints, lengths: Ints, rows_in_flight: int) -> Iterator[tuple[int, int]]:
    """Cut mapping rows between users so that each cut expands to a bounded number of rows (or is one user)."""
    expanded = np.concatenate([[0], np.cumsum(lengths)])
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
    lengths: Ints,
    lists: ItemLists,
    longest: int,
) -> pa.RecordBatch:
    total = int(lengths.sum())
    starts = np.cumsum(lengths) - lengths
    rank = np.arange(total) - np.repeat(starts, lengths)
    item = lists.codes[np.repeat(lists.offsets[query], lengths) + rank]
    owner = np.repeat(user, lengths)
    if len(np.unique(user)) < len(user):
        order = np.argsort(owner * (int(lengths.max(initial=0)) + 1) + rank, kind="stable")
        item, owner = item[order], owner[order]
    pair = owner * len(lists.names) + item
    mapped = (user * len(lists.names) + own)[own >= 0]
    wanted = ~pd.Series(pair).duplicated().to_numpy() & ~pd.Series(pair).isin(mapped).to_numpy()
    item, owner = item[wanted], owner[wanted]
    place = np.arange(len(owner)) - np.searchsorted(owner, owner)
    item, owner = item[place < longest], owner[place < longest]
    users, sizes = np.unique(owner, return_counts=True)
    used = (lengths > 0) & np.isin(user, users)
    items = pa.ListArray.from_arrays(_offsets(sizes), lists.names.take(pa.array(item)))
    queries = pa.ListArray.from_arrays(
        _offsets(np.unique(user[used], return_counts=True)[1]), flat.filter(pa.array(used))
    )
    return pa.record_batch(
        [names.take(pa.array(users)), items, pa.nulls(len(users), SCHEMA.field("scores").type), queries],
        schema=SCHEMA,
    )


def _offsets(sizes: Ints) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
