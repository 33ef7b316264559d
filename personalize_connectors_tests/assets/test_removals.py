"""Users who were delivered before and are in no list any more."""

from __future__ import annotations

import pytest

from personalize_connectors.job_run import Job
from personalize_connectors_tests.assets.test_delivery_days import ITEMS, profiles

PERSONAL, RELATED, SEGMENTS = (
    Job("user_personalization", "daily"),
    Job("related_items", "similar"),
    Job("user_segmentation", "circles"),
)
LISTS = {f"u{number}": ["a", "b"] for number in range(10)}
UNSET = {"missingUsers": "unset"}
FAILED = '{{"input":{{"userId":"{}"}},"output":null,"error":"the service could not say"}}'


@pytest.fixture
def shop(world):
    """A job that unsets missing users, with ten of them delivered."""
    world.configure(PERSONAL, UNSET)
    world.metadata(PERSONAL, ITEMS)
    world.answer(PERSONAL, 0, LISTS)
    assert world.run(PERSONAL, 0).success
    return world


def without(*users):
    """The lists of the others."""
    return {user: items for user, items in LISTS.items() if user not in users}


def removal(outcome):
    """Missing and removed users, and what the check says."""
    found = outcome.metadata["decorated_recommendations"]
    return found["missing"], found["removed"], outcome.checks["missing_users_are_removed"]


GOOD = (True, "nobody is kept who was to be removed")


def test_a_missing_user_loses_what_the_job_wrote(shop):
    """With missingUsers unset the attributes of who left are unset once, and cost what is billed; then the user is forgotten."""
    points = shop.emulator.stats()["data_points"]
    shop.answer(PERSONAL, 1, without("u3"))
    found = shop.run(PERSONAL, 1)
    assert removal(found) == (1, 1, GOOD)
    assert shop.emulator.profiles() == {"u3": {}} | profiles(without("u3"))
    sync = found.metadata["braze_sync"]
    assert (sync["accepted"], sync["data_points_sent"]) == (1, 1)
    assert shop.emulator.stats()["data_points"] - points == 1
    assert found.metadata["connector_state"]["users"] == 9
    shop.answer(PERSONAL, 2, without("u3"))
    again = shop.run(PERSONAL, 2)
    assert (removal(again), again.metadata["braze_sync"]["requests"]) == ((0, 0, GOOD), 0)


def test_who_comes_back_is_added(shop):
    """A user who was removed and is in a list again is new."""
    shop.answer(PERSONAL, 1, without("u3"))
    shop.run(PERSONAL, 1)
    shop.answer(PERSONAL, 2, LISTS)
    found = shop.run(PERSONAL, 2)
    assert found.metadata["decorated_recommendations"]["added"] == 1
    assert shop.emulator.profiles() == profiles(LISTS)


def test_delivering_a_removal_again_sends_nothing(shop):
    """The same run again finds who was removed gone, and sends nothing."""
    shop.answer(PERSONAL, 1, without("u3"))
    shop.run(PERSONAL, 1)
    again = shop.run(PERSONAL, 1)
    assert (removal(again), again.metadata["braze_sync"]["requests"]) == ((0, 0, GOOD), 0)


def test_who_had_an_error_is_not_gone(shop):
    """A user whose line was an error keeps what the profile holds."""
    shop.configure(PERSONAL, UNSET, maxErrorShare=0.5)
    shop.answer(PERSONAL, 1, without("u3"), FAILED.format("u3"))
    found = shop.run(PERSONAL, 1)
    assert (removal(found), shop.emulator.profiles()) == ((0, 0, GOOD), profiles(LISTS))


def test_a_line_that_names_nobody_may_be_anybodys(shop):
    """Where a line cannot be read nobody can be told to be gone, and the check says so."""
    shop.configure(PERSONAL, UNSET, maxErrorShare=0.5)
    shop.answer(PERSONAL, 1, without("u3"), "no JSON")
    missing, removed, (passed, said) = removal(shop.run(PERSONAL, 1))
    assert (missing, removed, passed) == (1, 0, False)
    assert said.startswith("braze: 1 error lines do not say whose they are, so nobody can be told to be gone")


def test_too_many_are_not_removed_unless_somebody_allows_it(shop):
    """Above maxRemovalShare nobody is removed while the rest is delivered; a run can allow it."""
    shop.answer(PERSONAL, 1, without("u3", "u4") | {"u5": ["b"]})
    found = shop.run(PERSONAL, 1)
    kept = profiles(LISTS | {"u5": ["b"]})
    assert (found.success, shop.emulator.profiles()) == (True, kept)
    assert removal(found) == (
        2,
        0,
        (
            False,
            (
                "braze: 2 of 10 are missing (20.0%), more than maxRemovalShare (10.0%); if it is right, run with "
                "--allow-removals (allow_removals in the launchpad)"
            ),
        ),
    )
    allowed = shop.run(PERSONAL, 1, allow_removals=True)
    assert removal(allowed) == (2, 2, GOOD)
    assert shop.emulator.profiles() == kept | {"u3": {}, "u4": {}}


def test_a_removed_user_whom_braze_does_not_know_is_not_created(shop):
    """Unsetting creates no profile for a user who was deleted in Braze meanwhile."""
    shop.emulator.reset()
    shop.answer(PERSONAL, 1, without("u3"))
    found = shop.run(PERSONAL, 1)
    assert (found.metadata["braze_sync"]["accepted"], shop.emulator.profiles()) == (1, {})


def test_related_items_know_who_is_mapped_to_an_error(world):
    """A user who is mapped to an item whose line was an error is not gone; one who is in no mapping any more is."""
    world.configure(RELATED, UNSET | {"maxRemovalShare": 0.5}, maxErrorShare=0.9)
    pairs = [("ana", "x"), ("ben", "y"), ("eve", "z")]
    world.mapping(RELATED, pairs)
    world.answer(RELATED, 0, {"x": ["a"], "y": ["b"], "z": ["c"]})
    assert world.run(RELATED, 0).success
    world.mapping(RELATED, pairs[:2])
    failed = '{"input":{"itemId":"y"},"output":null,"error":"no"}'
    world.answer(RELATED, 1, {"x": ["a"], "z": ["c"]}, failed)
    found = world.run(RELATED, 1, allow_user_drop=True)
    assert found.success, found.failures
    assert removal(found) == (1, 1, GOOD)
    assert world.emulator.profiles() == profiles({"ana": ["a"], "ben": ["b"]}, {}) | {"eve": {}}


def test_a_segment_that_failed_may_hold_anybody(world):
    """Where a segment's line was an error nobody can be told to have left."""
    world.configure(SEGMENTS, UNSET, maxErrorShare=0.9)
    world.answer(SEGMENTS, 0, {"x": ["ana", "ben"], "y": ["eve"]})
    assert world.run(SEGMENTS, 0).success
    failed = '{"input":{"itemId":"y"},"output":null,"error":"no"}'
    world.answer(SEGMENTS, 1, {"x": ["ana", "ben"]}, failed)
    missing, removed, (passed, _) = removal(world.run(SEGMENTS, 1, allow_user_drop=True))
    assert (missing, removed, passed) == (1, 0, False)
