"""Users and items as arrays: how each user's object begins, which items each one has, and sums over them."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_connectors.connectors.protocol import Fields, Ints
from personalize_connectors.engine.gather import json_strings, lengths, surrounded
from personalize_connectors.engine.ids import places
from personalize_connectors.engine.item_documents import column, dump


def heads(users: pa.RecordBatch, key: str, fields: Fields) -> pa.Array:
    """Each user's JSON object without its end: who it is, below a key, and fields that are the same for all."""
    same_for_all = f",{dump(fields)[1:-1].decode()}" if fields else ""
    return surrounded(f"{{{dump(key).decode()}:", json_strings(users["user_id"]), same_for_all)


def item_texts(documents: pa.Table) -> list[dict[str, str]]:
    """The fields of each item as JSON text."""
    # Not with orjson, which rounds whole numbers over 64 bits.
    payloads = map(json.loads, column(documents, "payload").to_pylist())
    return [{name: dump(value).decode() for name, value in fields.items()} for fields in payloads]


def item_codes(users: pa.RecordBatch, known: pa.Array) -> Ints:
    """For each item of each user its place among the documents."""
    return places(users["items"], known)


def owners(users: pa.RecordBatch) -> Ints:
    """For each item of each user the place of its user."""
    return np.asarray(np.repeat(np.arange(len(users)), lengths(users["items"])))


def marked(users: pa.RecordBatch, change: str) -> Ints:
    """Which users stand so to what was accepted before."""
    return np.asarray(pc.equal(users["change"], change).to_numpy(zero_copy_only=False), bool)


def ranks(counts: Ints) -> Ints:
    """0, 1, 2, ... within each of the groups of so many entries."""
    begins: Ints = np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(np.arange(len(begins)) - begins)


def sums(values: Ints, counts: Ints) -> Ints:
    """The sums of neighbouring groups of so many values."""
    totals: Ints = np.concatenate([[0], np.cumsum(values)])
    bounds: Ints = np.concatenate([[0], np.cumsum(counts)])
    return np.asarray(totals[bounds[1:]] - totals[bounds[:-1]])
