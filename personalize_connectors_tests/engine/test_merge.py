"""related_items: one list for each user out of the lists of the mapped items."""

from itertools import zip_longest

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors.engine.mapping import MAPPED
from personalize_connectors.engine.merge import item_lists, merged
from personalize_connectors.engine.recommendations import SCHEMA

LINES = pa.schema([("query", pa.string()), ("recommended", pa.list_(pa.string()))])

items = st.sampled_from(["a", "b", "c", "d", "é|,", "f"])
lists = st.dictionaries(items, st.lists(items, min_size=1, max_size=5), max_size=6)
mappings = st.dictionaries(
    st.text("uvw", min_size=1, max_size=2), st.lists(items, min_size=1, max_size=4, unique=True), max_size=6
)


def run(mapping, by_item, policy="merge", longest=25, batch_size=100, **options):
    """User to items and queries, in the order they come."""
    lines = pa.table([list(by_item), list(by_item.values())], schema=LINES)
    users = pa.table([list(mapping), list(mapping.values())], schema=MAPPED).to_batches(batch_size)
    batches = list(merged(users, item_lists(lines.to_batches()), policy, longest, **options))
    assert {tuple(batch.schema.names) for batch in batches} <= {tuple(SCHEMA.names)}
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert {row["scores"] for row in rows} <= {None}
    return [(row["user_id"], row["items"], row["queries"]) for row in rows]


def by_the_rule(mapping, by_item, policy, longest):
    """The rule of config.json's userItemPolicy, spelled out."""
    found = []
    for user, mapped in mapping.items():
        queries = [item for item in mapped if item in by_item]
        if policy == "first":
            queries = queries[:1]
        by_rank = [item for rank in zip_longest(*(by_item[query] for query in queries)) for item in rank]
        excluded = {None, *(mapped if policy == "merge" else ())}
        wanted = [item for item in dict.fromkeys(by_rank) if item not in excluded][:longest]
        if wanted:
            found.append((user, wanted, queries))
    return found


@given(
    mapping=mappings,
    by_item=lists,
    policy=st.sampled_from(["merge", "first"]),
    longest=st.integers(1, 6),
    batch_size=st.integers(1, 7),
    rows_in_flight=st.integers(0, 12) | st.just(4_000_000),
)
def test_merges_by_the_rule(mapping, by_item, policy, longest, batch_size, rows_in_flight):
    """For any mapping and lists, in any batches and slices, users get what the rule says, in their order."""
    found = run(mapping, by_item, policy, longest, batch_size, rows_in_flight=rows_in_flight)
    assert found == by_the_rule(mapping, by_item, policy, longest)


@pytest.mark.parametrize(
    ("policy", "items", "queries"),
    [("merge", ["x", "p", "q", "y", "r"], ["a", "b"]), ("first", ["x", "b", "y"], ["a"])],
)
def test_policies(policy, items, queries):
    """Merge interleaves by rank in mapping order and drops mapped items and repeats; first takes one list as it is."""
    by_item = {"b": ["p", "q", "x", "r"], "a": ["x", "b", "y"]}
    assert run({"u": ["nothing", "a", "b"]}, by_item, policy) == [("u", items, queries)]


@pytest.mark.parametrize("policy", ["merge", "first"])
def test_users_without_a_list_are_left_out(policy):
    """A user none of whose items has a list gets no row."""
    assert run({"u": ["nothing"], "v": ["a"]}, {"a": ["x"]}, policy) == [("v", ["x"], ["a"])]


def test_a_user_left_with_mapped_items_only_is_left_out():
    """Merge leaves out a user whose lists name nothing but what is mapped to the user."""
    assert run({"u": ["a", "b"], "v": ["a"]}, {"a": ["b"], "b": ["a"]}) == [("v", ["b"], ["a"])]


def test_nothing_to_merge():
    """Without lists, or without users, there are no rows."""
    assert (run({"u": ["a"]}, {}), run({}, {"a": ["x"]})) == ([], [])
