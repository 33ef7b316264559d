"""Text put together from pieces."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors.engine import gather as gather_module
from personalize_connectors.engine.gather import (
    between,
    first_apart,
    gather,
    json_strings,
    lengths,
    row_slices,
    row_sums,
    surrounded,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@given(pieces=st.lists(texts, min_size=1, max_size=6), data=st.data(), skipped=st.integers(0, 2))
def test_rows_are_their_pieces_in_order(pieces, data, skipped):
    """Each row is the text of its pieces, and neighbouring rows are neighbouring bytes of one buffer."""
    codes = st.lists(st.integers(0, len(pieces) - 1), max_size=4)
    rows = data.draw(st.lists(codes, max_size=5))
    table = pa.array([*["before"] * skipped, *pieces], pa.string()).slice(skipped)
    ends = np.cumsum([len(row) for row in rows]).astype(np.int64)
    flat = np.array([code for row in rows for code in row], np.int32)
    found = gather(table, flat, ends)
    expected = ["".join(pieces[code] for code in row).encode() for row in rows]
    _, offsets, content = found.buffers()
    places = np.frombuffer(offsets, np.int64, len(rows) + 1)
    assert found.to_pylist() == expected
    assert content.to_pybytes()[places[0] : places[-1]] == b"".join(expected)


@given(st.lists(st.lists(st.integers(10, 19), max_size=4), max_size=5))
def test_entries_stand_between_before_and_after(rows):
    """Each row's codes are before, its entries, after."""
    sizes = np.array([len(row) for row in rows], np.int64)
    entries = np.array([entry for row in rows for entry in row], np.int64)
    codes, ends = between(100 + np.arange(len(rows)), entries, sizes, 1)
    found = [part.tolist() for part in np.split(codes, ends[:-1])] if rows else []
    assert found == [[100 + place, *row, 1] for place, row in enumerate(rows)]


@given(st.lists(st.lists(st.integers(0, 3), max_size=4), max_size=5))
def test_the_first_entry_stands_apart(rows):
    """Each row's first entry is given as text, empty where there is none, and the others as they were."""
    sizes = np.array([len(row) for row in rows], np.int64)
    entries = np.array([entry for row in rows for entry in row], np.int64)
    first, others, left = first_apart(pa.array(list("abcd")), entries, sizes)
    assert first.to_pylist() == ["abcd"[row[0]] if row else "" for row in rows]
    assert others.tolist() == [entry for row in rows for entry in row[1:]]
    assert left.tolist() == [len(row[1:]) for row in rows]


@given(
    st.lists(st.one_of(texts, st.sampled_from(['"', "\\", "\n\x00\x1f", "\x7f\u2028", "é😀"])), max_size=4)
)
def test_json_strings_are_what_json_writes(values):
    """Texts become JSON strings in UTF-8, escaped where JSON asks for it and nowhere else."""
    found = json_strings(pa.array(values, pa.string())).to_pylist()
    assert found == [json.dumps(value, ensure_ascii=False) for value in values]


def test_surrounded_stands_between_constants():
    """Each text stands between the two constants."""
    assert surrounded("<", pa.array(["a", ""]), ">").to_pylist() == ["<a>", "<>"]


def test_lengths_of_a_slice():
    """Lengths are those of the slice, not of what it was cut from."""
    lists = pa.array([["a"], [], ["b", "c"]], pa.list_(pa.string()))
    assert (lengths(lists).tolist(), lengths(lists.slice(1)).tolist()) == ([1, 0, 2], [0, 2])


@pytest.mark.parametrize(
    ("weights", "slices"),
    [
        ([], []),
        ([1, 2], [(0, 2)]),
        ([40, 24, 1], [(0, 2), (2, 3)]),
        ([65, 1, 200, 200], [(0, 1), (1, 2), (2, 3), (3, 4)]),
        ([0, 0, 64, 0, 1], [(0, 4), (4, 5)]),
    ],
)
def test_slices_stay_within_their_size(weights, slices):
    """Neighbouring rows stay together up to the most that is asked for; a row that is larger stands alone."""
    assert list(row_slices(np.array(weights, np.int64), 64)) == slices


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1), st.data(), st.integers(1, 4))
def test_sums_are_those_of_each_row(numbers, data, at_once):
    """Also of rows without entries, wherever they stand, and where some are summed at a time."""
    places = st.integers(0, len(numbers) - 1)
    rows = data.draw(st.lists(st.lists(places, max_size=4), max_size=6))
    entries = np.array([entry for row in rows for entry in row], np.int64)
    counts = np.array([len(row) for row in rows], np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gather_module, "_SUMMED_AT_ONCE", at_once)
        found = row_sums(np.array(numbers), entries, counts)
    assert found.tolist() == [sum(numbers[entry] for entry in row) for row in rows]
