"""Lists of ids as text and in a dictionary."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors.engine.ids import distinct, in_dictionary, places

LISTS = pa.list_(pa.string())
some_lists = st.lists(
    st.none() | st.lists(st.sampled_from(["a", "b", "é|", "\U0001f600", "z"]), max_size=4), max_size=8
)


@given(some_lists, st.integers(0, 8), st.permutations(["a", "b", "é|", "z"]))
def test_places_are_the_same_as_text_and_in_a_dictionary(lists, start, known):
    """Each id of each list has its place among the known ones, however the lists are kept and cut; others have none."""
    whole = pa.array(lists, LISTS)
    wanted = [known.index(item) if item in known else -1 for found in lists[start:] for item in found or []]
    for kept in (
        whole,
        in_dictionary(whole),
        in_dictionary(whole.slice(start)),
        in_dictionary(whole).slice(start),
    ):
        cut = kept if len(kept) == len(lists[start:]) and kept is not whole else kept.slice(start)
        assert places(cut, pa.array(known)).tolist() == wanted


@given(some_lists, st.integers(0, 8))
def test_a_dictionary_changes_no_list(lists, start):
    """Lists are read from a dictionary as they were put in, also those that are null, empty, or cut."""
    assert in_dictionary(pa.array(lists, LISTS).slice(start)).to_pylist() == lists[start:]


@given(some_lists, st.integers(0, 8))
def test_distinct_ids_are_those_in_use(lists, start):
    """Ids come once and in order; an id that is only in the dictionary of a cut is none."""
    ids = in_dictionary(pa.array(lists, LISTS)).slice(start).flatten()
    assert distinct([ids, pa.array(["z"])]).to_pylist() == sorted(
        {"z"}.union(*(found or [] for found in lists[start:]))
    )
