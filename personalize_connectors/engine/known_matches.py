"""What a compressor would search for and we know: where in the text before it a document was written last.

Text is then a list of sequences, as the Zstandard format has them (RFC 8878, 3.1.1.3.2): so many bytes as they are, the literals,
and behind them so many that stood so far back already. The text itself is never put together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_connectors.engine.gather import Ints
from personalize_connectors.engine.pieces import Pieces, Texts

# The most that a block of the format holds (RFC 8878, 3.1.1.2.3).
BLOCK = 128 << 10
# Every decoder should know windows of 8 MiB (RFC 8878, 3.1.1.1.2), and some stop there (aircompressor, MAX_WINDOW_SIZE); libzstd's
# takes those of 128 MiB unless told otherwise (zstd.h, ZSTD_WINDOWLOG_LIMIT_DEFAULT).
_SMALLEST_WINDOW, _LARGEST_WINDOW = 23, 27
# Of items that are all as frequent as each other, 1 in 150 was then written last before the window.
_WINDOW_BY_DOCUMENTS = 5
# Each document is written as it is once, and that takes as much room as many matches.
_TEXT_BY_DOCUMENTS = 20
# libzstd has room for one sequence in four bytes of a block.
_SHORTEST, _LONGEST = 4, BLOCK // 2
_NOWHERE = -(1 << 40)


@dataclass(frozen=True)
class Sequences:
    """A stretch of text, as sequences in blocks.

    Attributes:
        table: Offset, literals before the match, its length, and 0, of each sequence; a block ends with one without a match.
        literals: What is no match, one after the other.
        size: The bytes of the text.
    """

    table: Ints
    literals: Ints
    size: int


@dataclass
class KnownMatches:
    """What was written of a text until now.

    Attributes:
        texts: What stands in many rows.
        window: The logarithm of how far back a match may lie.
        sizes: The bytes of each document with its comma, and of the tail.
        last: Where each of them was written last; of a document it is the place of its comma.
        place: Bytes written until now.
    """

    texts: Texts
    window: int
    sizes: Ints
    last: Ints
    place: int = 0


def window_of(texts: Texts) -> int | None:
    """The logarithm of the window in which these documents are found again, or None where the usual compression does better."""
    sizes = texts.sizes
    if not len(sizes) or sizes.min() < _SHORTEST or sizes.max() >= _LONGEST:
        return None
    if not _SHORTEST <= len(texts.tail.encode()) <= _LONGEST:
        return None
    needed = int(_WINDOW_BY_DOCUMENTS * sizes.sum()).bit_length()
    return None if needed > _LARGEST_WINDOW else max(needed, _SMALLEST_WINDOW)


def is_worth(texts: Texts, text: int) -> bool:
    """Whether so many bytes of documents are enough for each of them to be written as it is once."""
    return text >= _TEXT_BY_DOCUMENTS * int(texts.sizes.sum())


def nothing_written(texts: Texts, window: int) -> KnownMatches:
    """The beginning of a text."""
    sizes = np.append(texts.sizes + 1, len(texts.tail.encode()))
    return KnownMatches(texts, window, sizes, np.full(len(sizes), _NOWHERE))


def sequences(known: KnownMatches, pieces: Pieces) -> Sequences | None:
    """The next rows of a text; None where they have a head that no block can hold, and are to be written as they are."""
    heads = np.asarray(pc.binary_length(pieces.heads), np.int64)
    codes, starts, firsts = _in_order(pieces, len(known.sizes) - 1)
    sizes = known.sizes[codes]
    sizes[firsts] -= 1
    ends = sizes.copy()
    ends[starts] += heads
    longest = int(ends.max(initial=0))
    np.cumsum(ends, out=ends)
    size, places = int(ends[-1]), ends + known.place - sizes
    # Of a first document, which has no comma, it is where the comma would be.
    places[firsts] -= 1
    offsets, matched = _matches(known, codes, places, firsts)
    places[firsts] = known.last[codes[firsts]]
    known.last[codes] = places
    known.place += size
    if longest > _LONGEST:
        return None
    # No block is longer, for what ends in it begins at most `longest` before it.
    blocks = ends // (BLOCK - longest)
    unmatched = np.where(matched, 0, sizes)
    unmatched[starts] += heads
    table = _table(offsets, sizes, np.cumsum(unmatched), blocks, matched)
    return Sequences(table, _literals(pieces, codes, starts, firsts, matched), size)


def _in_order(pieces: Pieces, tail: int) -> tuple[Ints, Ints, Ints]:
    """The codes of documents and tails as they follow each other; where rows start, and where a row's first document stands."""
    ends = np.cumsum(pieces.counts + 1)
    starts = ends - pieces.counts - 1
    codes = np.full(int(ends[-1]), tail, np.int32)
    inner = np.ones(len(codes), bool)
    inner[ends - 1] = False
    codes[inner] = pieces.codes
    return codes, starts, starts[pieces.counts > 0]


def _matches(known: KnownMatches, codes: Ints, places: Ints, firsts: Ints) -> tuple[Ints, Ints]:
    """How far before each piece the same one stands, and whether it stands in the window."""
    offsets = places - known.last[codes]
    matched = offsets < (1 << known.window)
    new = np.flatnonzero(~matched)
    if len(new):
        # Where one is new, its first one of these is written as it is, and the others are matches of that.
        written = np.zeros(len(known.sizes), np.int64)
        written[codes[new[::-1]]] = new[::-1]
        source = written[codes[new]]
        # Not of a first document: the comma is missing there.
        with_comma = np.ones(len(codes), bool)
        with_comma[firsts] = False
        back = places[new] - places[source]
        again = (source != new) & with_comma[source] & (back < (1 << known.window))
        offsets[new[again]] = back[again]
        matched[new[again]] = True
    return offsets, matched


def _table(offsets: Ints, sizes: Ints, unmatched: Ints, blocks: Ints, matched: Ints) -> Ints:
    """The sequences of the pieces that are matches, and one that ends each block.

    Args:
        offsets: How far back each piece stands.
        sizes: The bytes of each piece.
        unmatched: The bytes, up to the end of each piece, that are no match.
        blocks: The number of the block of each piece.
        matched: Whether it is a match.
    """
    ends = np.append(np.flatnonzero(np.diff(blocks)), len(blocks) - 1)
    found = np.flatnonzero(matched)
    of_ends = np.searchsorted(found, ends, side="right") + np.arange(len(ends))
    of_matches = np.arange(len(found)) + (blocks[found] - blocks[0])
    table = np.zeros((len(found) + len(ends), 4), np.uint32)
    table[of_matches, 0] = offsets[found]
    table[of_matches, 2] = sizes[found]
    literals = np.empty(len(table), np.int64)
    literals[of_matches] = unmatched[found]
    literals[of_ends] = unmatched[ends]
    table[:, 1] = np.diff(literals, prepend=0)
    return table


def _literals(pieces: Pieces, codes: Ints, starts: Ints, firsts: Ints, matched: Ints) -> Ints:
    """The heads, and the documents and tails that are no match, in their order."""
    tail, is_first = len(pieces.texts.documents), np.zeros(len(codes), bool)
    is_first[firsts] = True
    begun = np.flatnonzero(~matched & is_first)
    new = np.flatnonzero(~matched & ~is_first)
    documents, tails = new[codes[new] < tail], new[codes[new] == tail]
    texts = [
        pieces.heads,
        pieces.texts.documents.take(pa.array(codes[begun])),
        pieces.texts.later.take(pa.array(codes[documents])),
        pa.array([pieces.texts.tail] * len(tails), pa.string()),
    ]
    # A row's head stands before what else begins there.
    order = np.argsort(np.concatenate([2 * starts, 2 * begun + 1, 2 * documents + 1, 2 * tails + 1]))
    found = pa.concat_arrays(texts).take(pa.array(order))
    _, offsets, data = found.buffers()
    bounds = np.frombuffer(offsets, np.int32, len(found) + 1)
    return np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]]
