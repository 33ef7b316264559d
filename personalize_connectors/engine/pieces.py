"""Rows of text that are not put together yet: a head of its own, documents that stand in many rows, and a tail that all have.

A row is `head document,document,... tail`. It travels as a column of `TYPE`, whose documents and tail are places in a dictionary,
so that a row takes some bytes for each document, however long those are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_connectors.engine.gather import (
    IN_CACHE,
    Ints,
    between,
    first_apart,
    gather,
    lengths,
    row_slices,
    row_sums,
    surrounded,
)

# Bytes of documents.
_COPIED_WHOLE = 64 << 20

TYPE = pa.struct(
    {
        "head": pa.string(),
        "documents": pa.list_(pa.field("element", pa.dictionary(pa.int32(), pa.string()))),
        "tail": pa.dictionary(pa.int8(), pa.string()),
    }
)


@dataclass(frozen=True)
class Texts:
    """The texts that stand in many rows.

    Attributes:
        documents: Each is a place of its own, from 0.
        tail: What each row ends with.
    """

    documents: pa.StringArray
    tail: str

    @cached_property
    def later(self) -> pa.StringArray:
        """Each document with the comma that stands before it where it is not the first one."""
        return surrounded(",", self.documents, "")

    @cached_property
    def sizes(self) -> Ints:
        """The bytes of each document."""
        return np.asarray(pc.binary_length(self.documents), np.int64)


@dataclass(frozen=True)
class Pieces:
    """Some rows.

    Attributes:
        heads: The head of each row.
        codes: The documents of all rows, one row after the other, as places among those of `texts`.
        counts: How many documents each row has.
        texts: What stands in many rows.
    """

    heads: pa.StringArray
    codes: Ints
    counts: Ints
    texts: Texts

    def __len__(self) -> int:
        """Rows."""
        return len(self.counts)

    @cached_property
    def weights(self) -> Ints:
        """The bytes of each row's documents."""
        return row_sums(self.texts.sizes, self.codes, self.counts)

    def slices(self, weights: Ints, most: int) -> Iterator[Pieces]:
        """The rows in slices of at most so much by their weights (or one row)."""
        bounds = np.concatenate([[0], np.cumsum(self.counts)])
        for start, end in row_slices(weights, most):
            codes, counts = self.codes[bounds[start] : bounds[end]], self.counts[start:end]
            yield Pieces(self.heads.slice(start, end - start), codes, counts, self.texts)


def unjoined(heads: pa.StringArray, documents: pa.ListArray, tail: str) -> pa.StructArray:
    """Rows as a column of `TYPE`; of the documents each row has a list of places in a dictionary."""
    tails = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(heads), np.int8)), pa.array([tail]))
    return pa.StructArray.from_arrays([heads, documents, tails], fields=list(TYPE))


def pieces_of(column: pa.StructArray, before: Pieces | None) -> Pieces:
    """The rows of a column; their `texts` are the same object as those of the rows before them if they are the same memory."""
    heads, lists, tails = (column.field(name) for name in TYPE.names)
    documents, tail = lists.values.dictionary, tails.dictionary[0].as_py()
    same = before is not None and before.texts.tail == tail and _same(before.texts.documents, documents)
    texts = before.texts if before and same else Texts(documents, tail)
    return Pieces(heads, lists.flatten().indices.to_numpy(), lengths(lists), texts)


def _same(one: pa.Array, other: pa.Array) -> bool:
    """Whether two arrays of text are the same memory; to compare all of it takes longer than to look."""
    return (len(one), one.offset, *_addresses(one)) == (len(other), other.offset, *_addresses(other))


def _addresses(texts: pa.Array) -> list[int | None]:
    return [buffer and buffer.address for buffer in texts.buffers()]


def _with_few(pieces: Pieces) -> Pieces:
    """The same rows with no more texts than they have, where all of them would be much to copy."""
    if pieces.texts.documents.nbytes <= _COPIED_WHOLE:
        return pieces
    used = np.zeros(len(pieces.texts.documents), bool)
    used[pieces.codes] = True
    texts = Texts(pieces.texts.documents.filter(pa.array(used)), pieces.texts.tail)
    codes = (np.cumsum(used) - 1)[pieces.codes]
    return Pieces(pieces.heads, codes, pieces.counts, texts)


def joined(pieces: Pieces) -> Iterator[pa.LargeBinaryArray]:
    """The text of each row, of some rows at a time."""
    pieces = _with_few(pieces)
    texts = pieces.texts
    end_code, head_code = len(texts.later), len(texts.later) + 1
    begun, entries, others = first_apart(texts.documents, pieces.codes, pieces.counts)
    heads = pc.binary_join_element_wise(pieces.heads, begun, "")
    dictionary = pa.concat_arrays([texts.later, pa.array([texts.tail]), heads])
    first, behind = head_code + np.arange(len(pieces)), np.concatenate([[0], np.cumsum(others)])
    for start, end in row_slices(pieces.weights, IN_CACHE):
        layout = between(first[start:end], entries[behind[start] : behind[end]], others[start:end], end_code)
        yield gather(dictionary, *layout)
