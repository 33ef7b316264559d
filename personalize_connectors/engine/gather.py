"""Text put together from pieces: a row is a list of places in a dictionary of pieces, and one `take` joins them all.

The result is one buffer in which the rows stand one after the other, so that neighbouring rows are a slice of bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Ints = np.ndarray

# What is made of text at a time, and then digested or compressed, stays in the caches of a processor.
IN_CACHE = 4 << 20
# Numbers; memory of that size is used again.
_SUMMED_AT_ONCE = 1 << 16


def lengths(lists: pa.ListArray) -> Ints:
    """The number of entries of each list."""
    return np.asarray(pc.list_value_length(lists).to_numpy(zero_copy_only=False), np.int64)


def places_and_letters(texts: pa.Array) -> tuple[Ints, np.ndarray]:
    """Where each text begins, and behind them all where the last one ends, in the bytes of texts one after the other.

    Texts may be of any type. Neither can be written to, whatever made them: the compiler tells arrays apart by that.
    """
    kind = (
        np.int64 if pa.types.is_large_string(texts.type) or pa.types.is_large_binary(texts.type) else np.int32
    )
    _, offsets, letters = texts.buffers()
    places = np.frombuffer(offsets, kind)[texts.offset : texts.offset + len(texts) + 1]
    found = places, np.frombuffer(letters or b"", np.uint8)
    for each in found:
        each.flags.writeable = False
    return found


def first_apart(texts: pa.StringArray, entries: Ints, counts: Ints) -> tuple[pa.StringArray, Ints, Ints]:
    """The text of each row's first entry, empty where it has none; the other entries, and how many there are of them.

    A comma then stands before each of the others, in the same piece: half as many pieces as with commas of their own.

    Args:
        texts: What the entries are places in.
        entries: The codes of all rows' entries, one row after the other.
        counts: How many entries each row has.
    """
    having = counts > 0
    places = (np.cumsum(counts) - counts)[having]
    first = np.full(len(counts), -1, np.int64)
    first[having] = entries[places]
    others = np.ones(len(entries), bool)
    others[places] = False
    found = pc.take(texts, pa.array(first, mask=~having))
    return pc.fill_null(found, ""), entries[others], counts - having


def between(before: Ints, entries: Ints, counts: Ints, after: int) -> tuple[Ints, Ints]:
    """Codes of rows `before, entry, entry, ..., after`, and where each row ends.

    Args:
        before: One code for each row.
        entries: The codes of all rows' entries, one row after the other.
        counts: How many entries each row has.
        after: The code at the end of each row.
    """
    ends = np.cumsum(counts + 2)
    starts = ends - counts - 2
    codes = np.full(int(ends[-1]) if len(ends) else 0, after, np.int32)
    inner = np.ones(len(codes), bool)
    inner[starts] = inner[ends - 1] = False
    codes[inner] = entries
    codes[starts] = before
    return codes, ends


def gather(pieces: pa.StringArray, codes: Ints, ends: Ints) -> pa.LargeBinaryArray:
    """One text for each row; `ends` says after which of the `codes` each row ends."""
    taken = pc.take(pieces, pa.array(codes, pa.int32()))
    _, offsets, data = taken.buffers()
    places = np.frombuffer(offsets, np.int32, len(taken) + 1, taken.offset * 4).astype(np.int64)
    bounds = np.concatenate([places[:1], places[ends]])
    buffers = [None, pa.py_buffer(bounds), data or pa.py_buffer(b"")]
    return pa.Array.from_buffers(pa.large_binary(), len(ends), buffers)


def json_strings(texts: pa.Array) -> pa.Array:
    """Each text as a JSON string, UTF-8, not escaped beyond what JSON asks for."""
    if not pc.any(pc.match_substring_regex(texts, r'["\\\x00-\x1f]')).as_py():  # as most are
        return surrounded('"', texts, '"')
    if pc.any(pc.match_substring_regex(texts, r"[\x00-\x1f]")).as_py():
        return pa.array([json.dumps(text, ensure_ascii=False) for text in texts.to_pylist()], pa.string())
    escaped = pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), '"', '\\"')
    return pc.binary_join_element_wise('"', escaped, '"', "")


def surrounded(before: str, texts: pa.Array, after: str) -> pa.Array:
    """Each text between two constants."""
    return pc.binary_join_element_wise(before, texts, after, "")


def row_sums(numbers: Ints, entries: Ints, counts: Ints) -> Ints:
    """For each row the sum of the numbers of its entries.

    Args:
        numbers: What the entries are places in.
        entries: The codes of all rows' entries, one row after the other.
        counts: How many entries each row has.
    """
    sums, ends = np.zeros(len(counts), np.int64), np.cumsum(counts)
    for start, end in row_slices(counts, _SUMMED_AT_ONCE):
        having = start + np.flatnonzero(counts[start:end])
        if len(having):
            first = ends[start] - counts[start]
            found = numbers[entries[first : ends[end - 1]]]
            sums[having] = np.add.reduceat(found, ends[having] - counts[having] - first)
    return sums


def row_slices(weights: Ints, most: int) -> Iterator[tuple[int, int]]:
    """Cut rows into slices of at most so many bytes by their weights (or one row)."""
    total = np.concatenate([[0], np.cumsum(weights)])
    start = 0
    while start < len(weights):
        end = int(np.searchsorted(total, total[start] + most, side="right")) - 1
        end = max(end, start + 1)
        yield start, end
        start = end
