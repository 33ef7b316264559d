"""What dictionaries tell of the ids in lists."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors.engine.used_ids import UsedIds

# Row groups, each with its dictionary and what its lists hold; dictionaries often begin with the one before.
groups = st.lists(
    st.integers(0, 6).flatmap(
        lambda size: st.tuples(st.just("abcdef"[:size]), st.lists(st.integers(0, 5), max_size=8))
    )
    | st.tuples(st.permutations("abcd"), st.lists(st.integers(0, 3), max_size=8)),
    max_size=5,
)


def noted(groups, most_bytes=1000):
    """What was seen of row groups, each with a dictionary and places in it."""
    used = UsedIds(most_bytes)
    for dictionary, codes in groups:
        names = pa.array(list(dictionary), pa.string())
        used.note(pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), names))
    return used


@given(groups)
def test_what_is_told_is_what_lists_hold(groups):
    """Where dictionaries are said to tell all ids, they name those of the lists and no others; they do wherever each is used whole."""
    groups = [
        (dictionary, [code for code in codes if code < len(dictionary)]) for dictionary, codes in groups
    ]
    told = noted(groups).all_used
    names = {name for dictionary, _ in groups for name in dictionary}
    held = {dictionary[code] for dictionary, codes in groups for code in codes}
    assert names == held or not told
    assert told or any(len(set(codes)) < len(dictionary) for dictionary, codes in groups)


def test_a_dictionary_that_was_kept_is_looked_at_as_one():
    """What an earlier row group has of it the next one need not have; a dictionary that only begins alike is another."""
    assert noted([("ab", [0, 1]), ("abc", [2])]).all_used
    assert noted([("ab", [0]), ("abc", [1, 2])]).all_used
    assert not noted([("ab", [0]), ("a", [0])]).all_used
    assert not noted([("ab", [0]), ("acb", [0, 1, 2])]).all_used
    assert noted([]).all_used


def test_a_large_dictionary_tells_nothing():
    """Parquet may not have kept the whole of it."""
    assert not noted([(["a" * 2000], [0]), ("b", [0])]).all_used


def test_an_entry_without_an_id_is_in_no_dictionary():
    """Lists with such entries hold more than their dictionary tells."""
    assert not noted([("a", [0, None])]).all_used
