"""What is said of an item of a catalog."""

from __future__ import annotations

import pytest

from personalize_connectors.errors import NotFound
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors_tests.assets.runs import DAYS

PERSONAL = Job("user_personalization", "daily")
IDS = {"payload": "ids", "maxRemovalShare": 1.0}
CATALOG = {"braze_catalog": {"catalog": "shop", "maxRemovalShare": 1.0}}
ITEMS = {"a": {"name": "Lamp", "price": 9.5}, "b/2": {"name": "Chair"}, "c": {"name": "Tea", "price": 3}}
LISTS = {"u1": ["a", "b/2"], "u2": ["b/2"]}
SENT = "sent, and accepted on T"
RUNS = [JobRun(PERSONAL, day).run for day in DAYS]


@pytest.fixture
def shop(world):
    """A job with ids on the profiles and their items in a catalog, delivered on day 1."""
    world.configure(PERSONAL, IDS, CATALOG)
    world.metadata(PERSONAL, ITEMS)
    world.answer(PERSONAL, 0, LISTS)
    world.answer(PERSONAL, 1, LISTS)
    assert world.run(PERSONAL, 0).success
    return world


@pytest.mark.usefixtures("shop")
def test_an_item_that_is_on_lists_was_added(explained, decided):
    """An item is explained like a user: on how many lists it is, what was sent of it, and what Braze said."""
    new = "braze_catalog had accepted nothing of this item before"
    assert decided(PERSONAL, "b/2", unit="item") == ("added", new, SENT)
    found = explained(PERSONAL, "b/2", unit="item")
    (delivery,) = found.deliveries
    assert (found.origin.on_lists, found.origin.items) == (2, None)
    assert delivery.record.text == '{"name":"Chair","itemId":"b/2"}'
    assert [receipt.status for receipt in delivery.history.receipts] == ["accepted"]


def test_an_item_is_unchanged_and_changed(shop, decided):
    """An item with the metadata that was accepted is unchanged; with another it is changed."""
    shop.metadata(PERSONAL, ITEMS | {"a": {"name": "Lamp", "price": 8}})
    shop.run(PERSONAL, 1)
    accepted = "braze_catalog accepted exactly this on T"
    assert decided(PERSONAL, "b/2", unit="item") == ("unchanged", accepted)
    assert decided(PERSONAL, "a", unit="item") == (
        "changed",
        "braze_catalog accepted another record on T",
        f"what is sent of 'a' is another than in run {RUNS[0]}",
        SENT,
    )


def test_an_item_that_nobody_gets_any_more_is_kept_then_removed(shop, decided):
    """An item stays while a profile may name it, and goes a run later."""
    shop.answer(PERSONAL, 1, {"u1": ["c"], "u2": ["b/2"]})
    shop.run(PERSONAL, 1)
    kept = "on no list in this run; kept because a profile may still name it"
    assert decided(PERSONAL, "a", unit="item") == ("missing", kept)
    shop.answer(PERSONAL, 2, {"u1": ["c"], "u2": ["b/2"]})
    shop.run(PERSONAL, 2)
    gone = "on no list in this run, so what braze_catalog holds of this item is removed"
    assert decided(PERSONAL, "a", unit="item") == ("removed", gone, SENT)


def test_a_catalog_that_keeps_all_says_so(shop, decided):
    """Where unnamed items are kept, the settings are the reason."""
    shop.configure(PERSONAL, IDS, {"braze_catalog": {"catalog": "shop", "unnamedItems": "keep"}})
    shop.answer(PERSONAL, 1, {"u1": ["c"], "u2": ["b/2"]})
    shop.run(PERSONAL, 1)
    kept = "on no list in this run; kept because connectors.braze_catalog asks for no removal"
    assert decided(PERSONAL, "a", unit="item") == ("missing", kept)


@pytest.mark.usefixtures("shop")
def test_an_item_that_no_run_knows_is_not_found(explained):
    """An item that is on no list and was never sent is not found."""
    assert not explained(PERSONAL, "c", unit="item").found


def test_connectors_are_those_of_the_config(shop, explained):
    """A connector is named among those that deliver what is asked for; without any, that is said."""
    assert [found.connector for found in explained(PERSONAL, "u1", connector="braze").deliveries] == ["braze"]
    with pytest.raises(NotFound) as wrong:
        explained(PERSONAL, "u1", connector="braze_catalog")
    assert str(wrong.value) == (
        "user_personalization/daily has no connector 'braze_catalog' that delivers users; it has braze"
    )
    shop.configure(PERSONAL)
    with pytest.raises(NotFound) as none:
        explained(PERSONAL, "a", unit="item")
    assert str(none.value) == "user_personalization/daily has no connector that delivers items"
