"""Records that are not sent again by themselves, and what a job chooses for values that Braze would drop."""

from __future__ import annotations

import json

import pytest

from personalize_connectors import layout
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors_tests.assets.runs import DAYS
from personalize_connectors_tests.assets.test_delivery_days import ITEMS, delta, profiles

PERSONAL = Job("user_personalization", "daily")
LISTS = {"u1": ["a", "b"], "u2": ["b"], "u3": ["c"]}


@pytest.fixture
def shop(world):
    """One job with the batch output of day 1."""
    world.configure(PERSONAL)
    world.metadata(PERSONAL, ITEMS)
    world.answer(PERSONAL, 0, LISTS)
    return world


def letters(world, day=0):
    """User to reason and payload of the dead letters of a day, in the order in which they were written."""
    folder = world.root / layout.delivered_run(JobRun(PERSONAL, DAYS[day]), "braze", "dead_letters")
    lines = [
        json.loads(line) for path in sorted(folder.glob("*.json")) for line in path.read_text().splitlines()
    ]
    return [(line["user_id"], line["reason"], line["payload"]) for line in lines]


def test_a_rejected_record_is_not_sent_again_by_itself(shop):
    """The same run again does not send what Braze rejected; it is a dead letter with reason and payload, and counted."""
    shop.emulator.faults(reject_users=["u2"], reject_type="EMAIL_BAD_FORMAT")
    shop.run(PERSONAL, 0)
    requests = shop.requests()
    again = shop.run(PERSONAL, 0)
    assert (delta(again), shop.requests() - requests) == ((0, 0, 2, 0, 0), 0)
    assert again.metadata["decorated_recommendations"]["dead_letters"] == 1
    payload = {"external_id": "u2", **profiles({"u2": ["b"]})["u2"]}
    assert letters(shop) == [("u2", "EMAIL_BAD_FORMAT", payload)]


def test_a_redrive_sends_dead_letters_by_their_reason(shop):
    """Dead letters whose reason holds a text are sent again as their records are now, the others stay."""
    shop.emulator.faults(reject_users=["u1", "u2"], reject_type="EMAIL_BAD_FORMAT")
    shop.run(PERSONAL, 0)
    shop.emulator.faults(reject_users=[])
    assert delta(shop.run(PERSONAL, 0, redrive="too large"))[-1] == 0
    assert delta(shop.run(PERSONAL, 0, redrive="email_bad"))[-1] == 2
    assert (shop.emulator.profiles(), delta(shop.run(PERSONAL, 0, redrive=""))[-1]) == (profiles(LISTS), 0)


def test_a_changed_record_is_sent_though_the_last_was_rejected(shop):
    """A rejection concerns the record, not the user: another record of the same run is sent."""
    shop.emulator.faults(reject_users=["u2"])
    shop.run(PERSONAL, 0)
    shop.emulator.faults(reject_users=[])
    shop.metadata(PERSONAL, ITEMS | {"b": {"name": "Better chair"}})
    found = shop.run(PERSONAL, 0)
    assert delta(found) == (1, 1, 1, 0, 2)
    assert shop.emulator.profiles() == profiles(LISTS, ITEMS | {"b": {"name": "Better chair"}})


LONG = {"a": {"name": "x" * 300, "price": 1}, "b": {"name": "Chair"}, "c": {"name": "Tea"}}


def findings(outcome):
    """Whether values can be delivered, and what is said of those that cannot."""
    return outcome.checks["values_can_be_delivered"]


def test_a_job_can_drop_the_records_of_users_with_a_bad_value(shop):
    """With drop_record, who has an item with such a value is a dead letter that names item and rule; the others are sent."""
    shop.configure(PERSONAL, {"onInvalid": {"text_over_255_characters": "drop_record"}})
    shop.metadata(PERSONAL, LONG)
    found = shop.run(PERSONAL, 0)
    assert findings(found) == (False, "braze: text_over_255_characters (name): 1 items, drop_record")
    assert shop.emulator.profiles() == profiles({"u2": ["b"], "u3": ["c"]}, LONG)
    ((user, reason, payload),) = letters(shop)
    assert user == "u1"
    assert reason.startswith("item 'a': text_over_255_characters (name): ")
    assert payload["recommendation_items"][0] == {"price": 1, "itemId": "a"}
    assert found.metadata["braze_sync"]["rejected"] == 1


def test_what_was_refused_here_is_judged_anew(shop):
    """A record that was refused before it was sent goes out once its value is right, in the same run."""
    shop.configure(PERSONAL, {"onInvalid": {"text_over_255_characters": "drop_record"}})
    shop.metadata(PERSONAL, LONG)
    shop.run(PERSONAL, 0)
    shop.configure(PERSONAL)
    shop.run(PERSONAL, 0)
    assert set(shop.emulator.profiles()) == set(LISTS)


def test_a_job_can_stop_for_a_bad_value(shop):
    """With stop, nothing is sent, and the check says which rule and field."""
    shop.configure(PERSONAL, {"onInvalid": {"text_over_255_characters": "stop"}})
    shop.metadata(PERSONAL, LONG)
    found = shop.run(PERSONAL, 0)
    assert (found.success, shop.requests()) == (False, 0)
    assert findings(found) == (False, "braze: text_over_255_characters (name): 1 items, stop")


def test_a_job_can_stop_for_a_record_that_is_too_large(shop):
    """Rules about a whole record can stop the run too, before anything is sent."""
    shop.configure(PERSONAL, {"payload": "arrays", "onInvalid": {"misaligned": "stop"}})
    found = shop.run(PERSONAL, 0)
    assert (found.success, shop.requests()) == (False, 0)
    assert findings(found)[1].startswith("braze: misaligned")


@pytest.mark.parametrize(
    ("budget", "said"),
    [({"maxUsers": 2}, "3 are to be sent, over maxUsers (2)"), ({"maxDataPoints": 7}, "maxDataPoints (7)")],
)
def test_a_run_over_budget_delivers_nothing(shop, budget, said):
    """More users or data points than the config allows stop the run before anything is sent, and the check says what to do."""
    shop.configure(PERSONAL, budget)
    found = shop.run(PERSONAL, 0)
    passed, words = found.checks["within_max_users_and_data_points"]
    assert (found.success, passed, shop.requests()) == (False, False, 0)
    assert said in words
    assert f"raise connectors.braze.{next(iter(budget))} in config.json, and run again" in words


def test_a_run_within_budget_is_delivered(shop):
    """As many users and data points as the config allows go out."""
    shop.configure(PERSONAL, {"maxUsers": 3, "maxDataPoints": 11})
    found = shop.run(PERSONAL, 0)
    assert (found.success, found.metadata["decorated_recommendations"]["data_points_to_send"]) == (True, 11)
