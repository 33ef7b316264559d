"""Rows of a delta with their lists."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors.engine import chosen as module
from personalize_connectors.engine.chosen import SCHEMA, chosen

DELTA = pa.schema([("place", pa.int64()), *(SCHEMA.field(name) for name in SCHEMA.names[:4])])
LISTS = pa.schema([SCHEMA.field("items"), SCHEMA.field("queries")])

EMPTY = pa.RecordBatch.from_pylist([], LISTS)


def listed(count):
    """So many rows of lists, of which each tells its place."""
    rows = [{"items": [f"i{place}"], "queries": None if place % 2 else ["q"]} for place in range(count)]
    return pa.Table.from_pylist(rows, LISTS), rows


def changes(places):
    """Rows of a delta with these places."""
    return [
        {"place": place, "user_id": f"u{number}", "fingerprint": b"f", "points": number, "change": "changed"}
        for number, place in enumerate(places)
    ]


@given(
    st.integers(0, 40).flatmap(
        lambda count: st.tuples(
            st.just(count), st.permutations(range(count)), st.integers(0, count), st.integers(1, 9)
        )
    ),
    st.integers(0, 3),
    st.integers(1, 50),
)
def test_each_row_gets_the_list_of_its_place(session, picked, removed, at_once):
    """Rows come in the order of their places, in whatever batches lists and rows are read; rows without a place have empty lists."""
    count, order, taken, size = picked
    table, lists = listed(count)
    rows = changes([*order[:taken], *[None] * removed])
    delta = session.from_arrow(pa.Table.from_pylist(rows, DELTA))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_AT_ONCE", at_once)
        found = [row for batch in chosen(delta, iter(table.to_batches(size))) for row in batch.to_pylist()]
    wanted = [{**row, **lists[row["place"]]} for row in sorted(rows[:taken], key=lambda row: row["place"])]
    wanted += [{**row, "items": [], "queries": []} for row in rows[taken:]]
    assert sorted(map(str, found)) == sorted(str({key: row[key] for key in SCHEMA.names}) for row in wanted)
    assert [row["items"] for row in found] == [row["items"] for row in wanted]


def test_a_batch_of_no_lists_is_passed_by(session):
    """Wherever it comes."""
    table, lists = listed(2)
    batches = [table.slice(0, 0), table.slice(0, 1), table.slice(0, 0), table.slice(1)]
    delta = session.from_arrow(pa.Table.from_pylist(changes([0, 1]), DELTA))
    found = chosen(delta, (batch.to_batches()[0] if len(batch) else EMPTY for batch in batches))
    assert [row["items"] for batch in found for row in batch.to_pylist()] == [row["items"] for row in lists]


def test_no_list_is_read_where_nothing_is_wanted(session):
    """A quiet day reads no list, and else none behind the last that is wanted."""
    table, _ = listed(6)
    for places, read in (([], 0), ([None], 0), ([1], 1), ([2, 3], 2)):
        lists = iter(table.to_batches(2))
        delta = session.from_arrow(pa.Table.from_pylist(changes(places), DELTA))
        assert sum(map(len, chosen(delta, lists))) == len(places)
        assert len(list(lists)) == 3 - read
