"""What a compressor would search for and we know: where in the text before it a document was written last.

Text is then a list of sequences, as the Zstandard format has them (RFC 8878, 3.1.1.3.2): so many bytes as they are, the literals,
and behind them so many that stood so far back already. The text itself is never put together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from personalize_connectors.engine.gather import Ints, places_and_letters
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
# Bytes; to compress half of them takes as long as to bring the compiled code into the process.
_WORTH_COMPILING = 256 << 20
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
        last: Where each document was written last, with its comma, and behind them all the tail.
        place: Bytes written until now.
    """

    texts: Texts
    window: int
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
    """Whether so many bytes of documents are enough for each of them to be written as it is once, and for the compiled code."""
    return text >= max(_TEXT_BY_DOCUMENTS * int(texts.sizes.sum()), _WORTH_COMPILING)


def nothing_written(texts: Texts, window: int) -> KnownMatches:
    """The beginning of a text."""
    return KnownMatches(texts, window, np.full(len(texts.documents) + 1, _NOWHERE))


def sequences(known: KnownMatches, pieces: Pieces) -> Sequences | None:
    """The next rows of a text; None where they have a head that no block can hold, and are to be written as they are."""
    from personalize_connectors.engine.kernels.matches import Limits, Rows, find_matches  # noqa: PLC0415 - the compiler's import is worth it only here

    tail = np.frombuffer(known.texts.tail.encode(), np.uint8)
    heads, documents = places_and_letters(pieces.heads), places_and_letters(known.texts.documents)
    rows = Rows(*heads, pieces.codes, pieces.counts, *documents, tail)
    before, limits = known.place, Limits(1 << known.window, BLOCK)
    table, literals, known.place = find_matches(rows, known.last, before, limits)
    fits = np.diff(heads[0]).max(initial=0) <= _LONGEST
    return Sequences(table, literals, known.place - before) if fits else None
