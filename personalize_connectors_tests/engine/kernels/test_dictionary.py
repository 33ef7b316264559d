"""Ids in a dictionary: Arrow's own encoding is the model."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors.engine import ids
from personalize_connectors.engine.ids import in_dictionary, places_of

texts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), min_size=1, max_size=400)


@pytest.fixture(autouse=True, scope="module")
def _compiled():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "_MANY", 0)
        yield


def encoded(values):
    """The values as one list."""
    lists = pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)
    return in_dictionary(lists).values


@given(values=texts, skipped=st.integers(0, 3))
def test_codes_and_dictionary_are_those_of_arrow(values, skipped):
    """Ids of any length, also none, in the order in which they are met, also out of the middle of an array."""
    array = pa.array(values, pa.string())[skipped:]
    assert encoded(array) == array.dictionary_encode()


def test_an_id_of_no_bytes_begins_somewhere_even_where_the_room_is_full():
    """The room for letters is 65,536 bytes at first, and exactly so many are taken when the empty id comes again."""
    values = [*(f"x{number:05}" for number in range(10_922)), "yyyy", *[""] * 300]
    array = pa.array(values)
    assert encoded(array) == array.dictionary_encode()


@pytest.mark.parametrize("distinct", [1, 100, 70_000])
def test_the_dictionary_grows(distinct):
    """More ids than there was room for at first, and more bytes of them."""
    numbers = np.random.default_rng(1).integers(0, distinct, 200_000)
    array = pa.array([f"an id that is {number:030}" for number in numbers])
    assert encoded(array) == array.dictionary_encode()


def test_ids_that_share_a_slot_are_told_apart():
    """Among a million ids many have hashes that begin alike; none is taken for another."""
    array = pa.array(np.arange(1_000_000)).cast(pa.string())
    found = encoded(array)
    assert found.indices.to_pylist() == list(range(len(array)))
    assert found.dictionary == array


@given(values=texts, known=texts)
def test_places_are_those_among_the_known_ids(values, known):
    """Each id has the place that it has among the known ones, of which none comes twice; others have none."""
    known = list(dict.fromkeys(known))
    wanted = [known.index(value) if value in known else -1 for value in values]
    found = places_of(pa.array(values, pa.string()), pa.array(known, pa.string()))
    assert (found.tolist(), found.dtype) == (wanted, np.int32)
