"""Rows of pieces on their way into a compressed file: put together as text, or, where that pays, as matches that are known."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa

from personalize_connectors.engine.gather import Ints
from personalize_connectors.engine.known_matches import (
    KnownMatches,
    Sequences,
    is_worth,
    nothing_written,
    sequences,
    window_of,
)
from personalize_connectors.engine.pieces import Pieces, joined, pieces_of
from personalize_connectors.zstd_sequences import END, begun, coded_blocks, libzstd, plain_blocks

# A part of the file; threads make several of them at once.
Part = Callable[[], pa.Buffer | bytes]

# Bytes of text that are worked out at a time, and what is worked out for each of its pieces.
_AT_ONCE, _OF_PIECE = 8 << 20, 16


@dataclass
class JoinedLines:
    """Makes the parts of a file of rows of pieces.

    Attributes:
        compressed: Compresses text so that parts behind each other are one file.
        lib: libzstd, where matches may be given to it.
        matching: The thread that works matches out, for each row's are among the rows before it.
        last: The rows that were taken last.
        waiting: Rows until it is known whether they are enough for known matches.
        text: Bytes of their documents.
        known: What was written, once they are.
    """

    compressed: Callable[[pa.Buffer], pa.Buffer | bytes]
    lib: ctypes.CDLL | None
    matching: ThreadPoolExecutor
    last: Pieces | None = None
    waiting: list[Pieces] = field(default_factory=list)
    text: int = 0
    known: KnownMatches | None = None

    def take(self, column: pa.StructArray) -> Iterator[Part]:
        """The parts that can be made once these rows are there."""
        pieces = pieces_of(column, self.last)
        if self.last is None or pieces.texts is not self.last.texts:
            yield from self.end()
            self.last = pieces
        if self.known and self.lib:
            yield from self._known_parts(self.lib, self.known, pieces)
            return
        self.waiting.append(pieces)
        self.text += int(pieces.weights.sum())
        window = window_of(pieces.texts)
        if self.lib is None or window is None:
            yield from self.end()
        elif is_worth(pieces.texts, self.text):
            self.known, waited = nothing_written(pieces.texts, window), self._waited()
            yield partial(bytes, begun(window))
            for rows in waited:
                yield from self._known_parts(self.lib, self.known, rows)

    def end(self) -> Iterator[Part]:
        """The parts of what was taken and is not made yet."""
        if self.known:
            yield partial(bytes, END)
        self.known = None
        for pieces in self._waited():
            for texts in joined(pieces):
                yield partial(self.compressed, text_of(texts))

    def _waited(self) -> list[Pieces]:
        waited, self.waiting, self.text = self.waiting, [], 0
        return waited

    def _known_parts(self, lib: ctypes.CDLL, known: KnownMatches, pieces: Pieces) -> Iterator[Part]:
        weights = pieces.weights + _OF_PIECE * (pieces.counts + 2)
        for rows in pieces.slices(weights, _AT_ONCE):
            yield partial(_blocks, lib, self.matching.submit(sequences, known, rows), rows)


@contextmanager
def joined_lines(
    compressed: Callable[[pa.Buffer], pa.Buffer | bytes], *, known_matches: bool
) -> Iterator[JoinedLines]:
    """For one file; matches may be given only in Zstandard, and where a library takes them."""
    with ThreadPoolExecutor(1, thread_name_prefix="match") as matching:
        yield JoinedLines(compressed, libzstd() if known_matches else None, matching)


def _blocks(lib: ctypes.CDLL, matches: Future[Sequences | None], rows: Pieces) -> bytes:
    found = matches.result()
    coded = coded_blocks(lib, found) if found else None
    return plain_blocks(map(memoryview, map(text_of, joined(rows)))) if coded is None else coded


def text_of(column: pa.Array) -> pa.Buffer:
    """The text of lines that stand one after the other in the column's buffer."""
    column = column.cast(pa.large_binary())
    _, offsets, data = column.buffers()
    places: Ints = np.frombuffer(offsets, np.int64)
    first = places[column.offset]
    return data.slice(first, places[column.offset + len(column)] - first)
