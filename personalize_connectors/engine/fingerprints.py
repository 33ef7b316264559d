"""One 128-bit digest for each user over all that would be delivered.

MD5 over the connector's rendering settings and the digests of the user's items, in rank order. Scores stay out: they
jitter at every retraining.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import duckdb
import numpy as np
import orjson
import pyarrow as pa

from personalize_connectors.engine.digests import MD5, digesting
from personalize_connectors.engine.gather import IN_CACHE, Ints, lengths, row_slices, row_sums
from personalize_connectors.engine.ids import places
from personalize_connectors.engine.item_documents import column


class Points(Protocol):
    """What the destination bills: a constant for each user, and so much for each item; for users it knows perhaps another."""

    @property
    def per_user(self) -> int: ...  # noqa: D102
    @property
    def per_item(self) -> np.ndarray: ...  # noqa: D102
    @property
    def per_known_user(self) -> int | None: ...  # noqa: D102
    @property
    def per_known_item(self) -> np.ndarray | None: ...  # noqa: D102


# Bytes of an item's digest; the seed is two of them.
_DIGEST = 16
_SCHEMA = pa.schema(
    [
        ("place", pa.int64()),
        ("user_id", pa.string()),
        ("fingerprint", MD5),
        ("points", pa.int64()),
        ("points_if_known", pa.int64()),
    ]
)


def fingerprints(
    session: duckdb.DuckDBPyConnection,
    users: Iterable[pa.RecordBatch],
    documents: pa.Table,
    rendering: dict[str, Any],
    points: Points,
) -> duckdb.DuckDBPyRelation:
    """`place`, `user_id`, `fingerprint` (16 bytes), and what is billed for batches of `user_id`, `items`.

    `place` counts the users from 0. What is billed is `points`, and `points_if_known` for a user whom the destination has accepted before.
    """
    seed = hashlib.md5(
        orjson.dumps(rendering, option=orjson.OPT_SORT_KEYS), usedforsecurity=False
    ).hexdigest()
    return session.from_arrow(
        pa.RecordBatchReader.from_batches(_SCHEMA, _fingerprints(users, documents, seed, points))
    )


def _fingerprints(
    users: Iterable[pa.RecordBatch], documents: pa.Table, seed: str, points: Points
) -> Iterator[pa.RecordBatch]:
    known = column(documents, "item_id")
    seeds = [seed[:_DIGEST], seed[_DIGEST:]]
    digests = pa.concat_arrays([column(documents, "digest"), pa.array(seeds)])
    fixed = digests.cast(pa.binary()).cast(pa.binary(_DIGEST))
    pieces = np.frombuffer(fixed.buffers()[1], f"V{_DIGEST}", len(fixed), fixed.offset * _DIGEST)
    # Memory that is used again: to touch other memory for each slice would take a third as long as all else.
    place, md5_of, room = 0, digesting(), np.empty(0, pieces.dtype)
    for batch in _slices(users):
        counts = lengths(batch["items"])
        items = places(batch["items"], known)
        codes, ends = _behind(np.arange(len(known), len(pieces)), items, counts)
        billed = points.per_user + _sums(points.per_item, items, counts)
        known_user = billed
        if points.per_known_user is not None:
            known_user = points.per_known_user + _sums(points.per_known_item, items, counts)
        own = pa.array(np.arange(place, place := place + len(batch)))
        # There is a document of each item in a list, so each code is a place; NumPy would copy all once more to be sure of it.
        room = room if len(room) >= len(codes) else np.empty(len(codes), pieces.dtype)
        found = md5_of(_texts(np.take(pieces, codes, out=room[: len(codes)], mode="clip"), ends))
        columns = [own, batch["user_id"], found, pa.array(billed), pa.array(known_user)]
        yield pa.record_batch(columns, schema=_SCHEMA)


def _behind(seeds: Ints, items: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """The codes of all lists, each of the seeds and then its items, one list after the other; and where each list ends."""
    ends = np.cumsum(counts + len(seeds))
    if _are_alike(counts):
        rows = np.empty((len(counts), len(seeds) + counts[0]), np.int64)
        rows[:, : len(seeds)] = seeds
        rows[:, len(seeds) :] = items.reshape(len(counts), counts[0])
        return rows.ravel(), ends
    codes = np.empty(ends[-1] if len(ends) else 0, np.int64)
    inner = np.ones(len(codes), bool)
    for place, seed in enumerate(seeds):
        starts = ends - counts - len(seeds) + place
        codes[starts], inner[starts] = seed, False
    codes[inner] = items
    return codes, ends


def _are_alike(numbers: Ints) -> bool:
    """Whether all are the same number, as lengths of lists and points of items mostly are; of none they are not."""
    return len(numbers) > 0 and bool(numbers.min() == numbers.max())


def _texts(pieces: np.ndarray, ends: np.ndarray) -> pa.LargeBinaryArray:
    """One text for each row out of pieces of one length; `ends` says after which of them each row ends."""
    bounds = np.concatenate([[0], ends]) * pieces.itemsize
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(pieces)]
    return pa.Array.from_buffers(pa.large_binary(), len(ends), buffers)


def _slices(users: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in users:
        for start, end in row_slices(_DIGEST * (lengths(batch["items"]) + 2), IN_CACHE):
            yield batch.slice(start, end - start)


def _sums(of_item: np.ndarray | None, items: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """For each list the sum over its items; zero where nothing is said of an item."""
    if of_item is None:
        return np.zeros(len(counts), np.int64)
    if _are_alike(of_item):
        return np.asarray(counts * of_item[0])
    return row_sums(of_item, items, counts)
