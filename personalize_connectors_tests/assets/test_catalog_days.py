"""A catalog that holds the items that the profiles name, over days."""

from __future__ import annotations

import pytest

from personalize_connectors.job_run import Job

PERSONAL = Job("user_personalization", "daily")
IDS = {"payload": "ids", "maxRemovalShare": 1.0}
CATALOG = {"braze_catalog": {"catalog": "shop", "maxRemovalShare": 1.0}}
ITEMS = {"a": {"name": "Lamp", "price": 9.5}, "b/2": {"name": "Chair"}, "c": {"name": "Tea", "price": 3}}
LISTS = {"u1": ["a", "b/2"], "u2": ["b/2"]}


@pytest.fixture
def shop(world):
    """A job with ids on the profiles and their items in a catalog, delivered on day 1."""
    world.configure(PERSONAL, IDS, CATALOG)
    world.metadata(PERSONAL, ITEMS)
    world.answer(PERSONAL, 0, LISTS)
    return world


def items(world):
    """The catalog: item id there to its fields."""
    return {item["id"]: item for item in world.emulator.catalogs()["shop"]["items"].values()}


def named(world):
    """The ids that profiles name."""
    return {
        item for profile in world.emulator.profiles().values() for item in profile["recommendation_items"]
    }


def counts(outcome, connector="braze_catalog"):
    """Added, changed, unchanged and removed records of a connector."""
    found = outcome.metadata["decorated_recommendations"]
    return tuple(found[f"{connector}_{name}"] for name in ("added", "changed", "unchanged", "removed"))


def test_the_catalog_holds_what_the_profiles_name(shop):
    """The items that users get are in the catalog under the ids that stand on the profiles, each once."""
    found = shop.run(PERSONAL, 0)
    assert found.success, found.failures
    assert items(shop) == {
        "a": {"id": "a", "name": "Lamp", "price": 9.5},
        "x-b_2f2": {"id": "x-b_2f2", "name": "Chair"},
    }
    assert named(shop) == {"a", "x-b_2f2"}
    assert counts(found) == (2, 0, 0, 0)
    assert [found.metadata["connector_state"][unit] for unit in ("users", "items")] == [2, 2]
    assert counts(shop.run(PERSONAL, 0)) == (0, 0, 2, 0)


def test_a_price_changes_one_item_and_no_profile(shop):
    """A change of metadata sends the item to the catalog, and no user."""
    shop.run(PERSONAL, 0)
    shop.metadata(PERSONAL, ITEMS | {"a": {"name": "Lamp", "price": 8}})
    found = shop.run(PERSONAL, 0)
    assert (counts(found), counts(found, "braze")) == ((0, 1, 1, 0), (0, 0, 2, 0))
    assert items(shop)["a"]["price"] == 8


def test_items_are_there_before_and_until_no_profile_names_them(shop):
    """A new item comes before the profiles that name it; one that nobody is given any more goes a run after the profiles."""
    shop.run(PERSONAL, 0)
    shop.answer(PERSONAL, 1, {"u1": ["c"], "u2": ["b/2"]})
    second = shop.run(PERSONAL, 1)
    assert (second.success, counts(second)) == (True, (1, 0, 1, 0))
    assert set(items(shop)) == {"a", "x-b_2f2", "c"}
    shop.answer(PERSONAL, 2, {"u1": ["c"], "u2": ["b/2"]})
    third = shop.run(PERSONAL, 2)
    assert (counts(third), set(items(shop))) == ((0, 0, 2, 1), {"x-b_2f2", "c"})


def test_an_item_stays_while_a_missing_user_names_it(shop):
    """A user who left and is kept still names the items, so they stay in the catalog."""
    shop.answer(PERSONAL, 0, LISTS | {"u3": ["c"]})
    shop.run(PERSONAL, 0)
    for day in (1, 2):
        shop.answer(PERSONAL, day, LISTS)
        assert counts(shop.run(PERSONAL, day, allow_user_drop=True)) == (0, 0, 2, 0)
    assert named(shop) <= set(items(shop))


def test_an_item_stays_while_a_rejected_user_names_it(shop):
    """A profile whose new list was rejected still names the old items."""
    shop.run(PERSONAL, 0)
    shop.emulator.faults(reject_users=["u1"])
    for day in (1, 2):
        shop.answer(PERSONAL, day, {"u1": ["c"], "u2": ["b/2"]})
        assert shop.run(PERSONAL, day).success
    assert named(shop) <= set(items(shop))


def test_a_catalog_that_fails_holds_back_the_profiles(shop):
    """Where the catalog cannot be written, no profile gets ids of items that are not there."""
    shop.configure(PERSONAL, IDS, {"braze_catalog": {"catalog": "shop", "createCatalog": False}})
    found = shop.run(PERSONAL, 0)
    assert (found.success, shop.emulator.profiles()) == (False, {})
    assert "there is no catalog 'shop'" in found.failures["braze_catalog_sync"]
