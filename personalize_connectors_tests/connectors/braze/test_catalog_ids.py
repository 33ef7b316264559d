"""Ids of items in a catalog: braze.md 3.1."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from personalize_connectors.connectors.braze.catalog_ids import decoded, encoded

NEAR = st.text("aZ0-_x/é", max_size=41)
IDS = st.text(max_size=20) | NEAR | st.from_regex(r"\A(x-)?[a-f0-9_-]{0,80}\Z")


@pytest.mark.parametrize(
    ("item_id", "catalog_id"),
    [
        ("lamp-1", "lamp-1"),
        ("A_b-9", "A_b-9"),
        ("a" * 250, "a" * 250),
        ("", "x-"),
        ("x", "x"),
        ("x-", "x-x_2d"),
        ("x-1", "x-x_2d1"),
        ("X-1", "X-1"),
        ("tea/2", "x-tea_2f2"),
        ("a_b.c", "x-a_5fb_2ec"),
        ("té", "x-t_c3_a9"),
        ("a\n", "x-a_0a"),
        ("²", "x-_c2_b2"),
        ("/" * 82, "x-" + "_2f" * 82),
        ("/" * 82 + "ab", "x-" + "_2f" * 82 + "ab"),
    ],
)
def test_encodes_what_a_catalog_does_not_take(item_id, catalog_id):
    """An id that a catalog takes stays, any other is spelled in bytes, and both lead back to the item."""
    assert (encoded(item_id), decoded(catalog_id)) == (catalog_id, item_id)


@pytest.mark.parametrize("item_id", ["a" * 251, "/" * 83, "/" * 82 + "abc", "x-" + "a" * 247, "é" * 42])
def test_refuses_an_id_that_gets_too_long(item_id):
    """An id of over 250 characters in the catalog is told with its length there."""
    with pytest.raises(
        ValueError, match=r"takes 2\d\d characters as the id of a catalog item; Braze takes 250"
    ):
        encoded(item_id)


@given(IDS)
def test_leads_back_to_the_item(item_id):
    """What an item id becomes is an id that a catalog takes, and leads back to it."""
    catalog_id = encoded(item_id)
    assert (decoded(catalog_id), bool(re.fullmatch(r"[A-Za-z0-9_-]{1,250}", catalog_id))) == (item_id, True)


@given(IDS, IDS)
@example("x-a", "a")
@example("x-_2f", "/")
def test_two_items_never_share_an_id(one, other):
    """Different items have different ids."""
    assert (encoded(one) == encoded(other)) == (one == other)


@given(st.text(max_size=260) | NEAR | st.from_regex(r"\Ax-[a-z0-9_]{0,20}\Z"))
@example("x-a")
@example("x-_2F")
@example("x-_ff")
@example("x-é")
@example("")
@example("a/b")
@example("a" * 251)
def test_reads_only_what_it_writes(catalog_id):
    """An id that stands for no item is refused, whoever wrote it."""
    try:
        item_id = decoded(catalog_id)
    except ValueError:
        return
    assert encoded(item_id) == catalog_id
