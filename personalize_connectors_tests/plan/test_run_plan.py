"""What a plan foretells is what the run then does."""

from __future__ import annotations

import pytest

from personalize_connectors import layout
from personalize_connectors.allowance import Allowance
from personalize_connectors.connectors.exchange import Call
from personalize_connectors.delivery.parcels import Parcel
from personalize_connectors.delivery.write_ahead import WriteAhead
from personalize_connectors.folders import open_folder
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.assets.runs import DAYS
from personalize_connectors_tests.plan.against_runs import plan, plan_and_run

PERSONAL, RELATED = Job("user_personalization", "daily"), Job("related_items", "similar")
ITEMS = {"a": {"name": "Lämp", "price": 9.5}, "b": {"name": "Chair", "price": 20}, "c": {"name": "Tea"}}
LISTS = {"u1": ["a", "b"], "u2": ["b", "ghost"], "u3": ["c", "a"], 'u"4': ["a"]}
CALL = Call("POST", "/users/track")
BAD = '{"input":{"userId":"x"},"output":null,"error":"Internal failure"}'


@pytest.fixture
def shop(world):
    """One job with the batch output of day 1."""
    world.configure(PERSONAL)
    world.metadata(PERSONAL, ITEMS)
    world.answer(PERSONAL, 0, LISTS)
    return world


def left(world, job, day):
    """Requests, bytes and data points that a plan has for each connector."""
    return {
        delivery.name: (delivery.requests, delivery.body_bytes, delivery.costs[0].data_points)
        for delivery in plan(world, job, day).connectors
    }


def test_a_first_run_is_foretold(shop):
    """Before a first run the plan has its figures, and after it there is nothing left to send."""
    told = plan_and_run(shop, PERSONAL, 0)
    assert told.foretold == told.done
    assert (told.done["braze"]["added"], told.done["braze"]["accepted"]) == (4, 4)
    assert (told.plan.lines, told.plan.users, told.plan.users_in_previous_run) == (4, 4, None)
    assert (told.plan.stops, told.plan.warnings) == (
        (),
        ("1 of 4 recommended items have no metadata, for example 'ghost'",),
    )
    assert left(shop, PERSONAL, 0) == {"braze": (0, 0, 0)}


@pytest.mark.parametrize("payload", ["objects", "flat"])
def test_a_changed_day_with_users_gone_is_foretold(shop, payload):
    """Of a day with users new, changed, as before and gone the plan has the figures, also where known users cost more."""
    braze = {"payload": payload, "missingUsers": "unset", "maxRemovalShare": 0.5}
    shop.configure(PERSONAL, braze)
    shop.metadata(PERSONAL, {"a": ITEMS["a"], "b": ITEMS["b"]})
    shop.answer(PERSONAL, 0, {"u1": ["a", "b"], "u2": ["b"], "u3": ["a"], "u4": ["a"]})
    assert plan_and_run(shop, PERSONAL, 0).run.success
    shop.answer(PERSONAL, 1, {"u1": ["a", "b"], "u2": ["a"], "u3": ["b", "a"], "new": ["b"]})
    told = plan_and_run(shop, PERSONAL, 1)
    assert told.foretold == told.done
    assert [told.done["braze"][name] for name in ("added", "changed", "unchanged", "removed")] == [1, 2, 1, 1]
    assert left(shop, PERSONAL, 1) == {"braze": (0, 0, 0)}


def test_removals_that_are_too_many_are_foretold_to_be_held_back(shop):
    """Above maxRemovalShare the plan says that nobody is removed and why; with the allowance it removes them."""
    shop.configure(PERSONAL, {"missingUsers": "unset"}, maxUserDrop=0.9)
    assert plan_and_run(shop, PERSONAL, 0).run.success
    shop.answer(PERSONAL, 1, {"u1": ["a", "b"]})
    allowing = plan(shop, PERSONAL, 1, Allowance(removals=True))
    told = plan_and_run(shop, PERSONAL, 1)
    assert told.foretold == told.done
    assert (told.done["braze"]["missing"], told.done["braze"]["removed"]) == (3, 0)
    assert told.plan.warnings == (told.run.checks["missing_users_are_removed"][1],)
    allowed = plan_and_run(shop, PERSONAL, 1, Allowance(removals=True))
    assert allowed.plan == allowing
    assert (allowed.foretold, allowed.done["braze"]["removed"]) == (allowed.done, 3)


def test_related_items_are_foretold(world):
    """The mapping of related items is read as a run reads it, with what of it cannot be used."""
    world.configure(RELATED)
    world.metadata(RELATED, ITEMS)
    world.write(f"{layout.mapping_folder(RELATED)}/views.csv", "USER_ID,ITEM_ID\nana,a\nben,b\nben\n")
    world.answer(RELATED, 0, {"a": ["b", "c"], "b": ["a"]})
    told = plan_and_run(world, RELATED, 0)
    assert (told.foretold, told.plan.users) == (told.done, 2)
    assert told.plan.warnings == ("0 lines of item metadata and 1 mapping rows cannot be used",)


def test_a_catalog_and_the_ids_on_the_profiles_are_foretold(world):
    """The catalog comes first, with the items that are put, and those that are removed once no profile names them."""
    connectors = {"braze_catalog": {"catalog": "items"}, "braze": {"payload": "ids"}}
    world.configure(PERSONAL, connectors=connectors)
    world.metadata(PERSONAL, ITEMS)
    world.answer(PERSONAL, 0, LISTS)
    world.answer(PERSONAL, 1, {user: ["a"] for user in LISTS})
    world.answer(PERSONAL, 2, {user: ["a"] for user in LISTS} | {"new": ["c"]})
    for day, items in ((0, (4, 0, 0)), (1, (0, 1, 0)), (2, (0, 2, 2))):
        told = plan_and_run(world, PERSONAL, day, Allowance(removals=True))
        assert (list(told.foretold), told.foretold) == (["braze_catalog", "braze"], told.done)
        catalog = told.done["braze_catalog"]
        assert (catalog["added"], catalog["unchanged"], catalog["removed"]) == items
        assert left(world, PERSONAL, day) == {"braze_catalog": (0, 0, 0), "braze": (0, 0, 0)}


@pytest.mark.parametrize(
    ("braze", "day"),
    [({"maxUsers": 3}, 0), ({"maxDataPoints": 10}, 0), ({"maxUsers": 3, "performDeltaCheck": False}, 1)],
)
def test_a_budget_that_is_over_is_foretold(shop, braze, day):
    """Above maxUsers or maxDataPoints the plan says what the run's check then says; without a delta, all users count."""
    shop.answer(PERSONAL, 1, LISTS)
    if day:
        assert plan_and_run(shop, PERSONAL, 0).run.success
    shop.configure(PERSONAL, braze)
    requests = shop.requests()
    told = plan_and_run(shop, PERSONAL, day)
    assert (told.run.success, shop.requests()) == (False, requests)
    assert told.plan.stops == (told.run.checks["within_max_users_and_data_points"][1],)


def test_values_that_braze_would_not_keep_are_foretold(shop):
    """The plan counts what breaks a rule and says what becomes of it; users with such an item are not sent where that is chosen."""
    shop.metadata(PERSONAL, ITEMS | {"c": {"name": "x" * 300, "a.b": 1}})
    shop.configure(PERSONAL, {"onInvalid": {"text_over_255_characters": "drop_record"}})
    told = plan_and_run(shop, PERSONAL, 0)
    assert (told.foretold, told.done["braze"]["rejected"]) == (told.done, 1)
    (delivery,) = told.plan.connectors
    assert [(found.rule, found.field, found.action, found.found) for found in delivery.costs[0].findings] == [
        ("text_over_255_characters", "name", "drop_record", 1),
        ("name_not_storable", "a.b", "drop_field", 1),
    ]
    assert (
        told.run.checks["values_can_be_delivered"][1]
        == "braze: text_over_255_characters (name): 1 items, drop_record; "
        "braze: name_not_storable (a.b): 1 items, drop_field"
    )


def test_a_rule_that_stops_the_run_is_foretold(shop):
    """Where a rule is to stop the run, the plan says so in the words of the run's check."""
    shop.metadata(PERSONAL, ITEMS | {"c": {"name": "x" * 300}})
    shop.configure(PERSONAL, {"onInvalid": {"text_over_255_characters": "stop"}})
    told = plan_and_run(shop, PERSONAL, 0)
    assert (told.run.success, shop.requests()) == (False, 0)
    assert told.plan.stops == (told.run.checks["values_can_be_delivered"][1],)


def test_too_many_error_lines_and_too_few_users_are_foretold(shop):
    """The plan counts error lines by reason, says what stops the run, and what would be sent if it were let through."""
    assert plan_and_run(shop, PERSONAL, 0).run.success
    shop.answer(PERSONAL, 1, {"u1": ["b"]}, BAD, "no JSON", BAD)
    told = plan_and_run(shop, PERSONAL, 1)
    assert told.plan.error_lines == {"service_error": 2, "not_json": 1}
    assert told.plan.stops == tuple(
        told.run.checks[name][1] for name in ("error_share", "users_against_previous_run")
    )
    shop.configure(PERSONAL, maxErrorShare=0.8)
    allowed = plan_and_run(shop, PERSONAL, 1, Allowance(user_drop=True))
    assert (allowed.foretold, allowed.plan.connectors) == (allowed.done, told.plan.connectors)


@pytest.mark.parametrize("lines", [{}, {"x": []}])
def test_an_output_that_names_nobody_is_foretold(shop, lines):
    """A batch output without a line, or without a list, is planned to send nothing and to stop."""
    shop.answer(PERSONAL, 0, lines)
    told = plan_and_run(shop, PERSONAL, 0)
    assert not told.run.success
    assert told.plan.stops == tuple(
        told.run.checks[name][1] for name in ("error_share", "users_against_previous_run")
    )
    assert [delivery.requests for delivery in told.plan.connectors] == [0]


def test_dead_letters_are_foretold_to_be_held(shop):
    """A user whom Braze rejected in this run is a dead letter, and is not planned to be sent again in it."""
    shop.emulator.faults(reject_users=["u2"])
    assert shop.run(PERSONAL, 0).success
    told = plan_and_run(shop, PERSONAL, 0)
    assert (told.foretold, told.done["braze"]["dead_letters"]) == (told.done, 1)
    assert told.foretold["braze"]["requests"] == 0


def test_without_a_delta_all_users_are_foretold(shop):
    """Where everything is sent each time, so it is planned, and nothing is saved."""
    shop.configure(PERSONAL, performDeltaCheck=False)
    for _ in range(2):
        told = plan_and_run(shop, PERSONAL, 0)
        assert (told.foretold, told.done["braze"]["accepted"]) == (told.done, 4)
    assert [delivery.data_points_saved for delivery in told.plan.connectors] == [0]


def test_an_older_run_is_foretold_to_be_refused(shop):
    """A run older than what was delivered is planned to stop, unless it is allowed."""
    shop.answer(PERSONAL, 1, {user: ["b"] for user in LISTS})
    assert plan_and_run(shop, PERSONAL, 1).run.success
    told = plan_and_run(shop, PERSONAL, 0)
    assert told.plan.stops == (told.run.failures["braze_sync"],)
    allowed = plan_and_run(shop, PERSONAL, 0, Allowance(older_run=True))
    assert (allowed.foretold, allowed.plan.stops) == (allowed.done, ())


def test_bodies_that_are_full_before_the_records_are_foretold(shop):
    """Where the bytes of a request are what limits it, the requests are cut as they are sent."""
    shop.metadata(PERSONAL, {f"i{number}": {"text": ["x" * 250] * 30} for number in range(12)})
    items = [f"i{number}" for number in range(12)]
    shop.answer(PERSONAL, 0, {f"u{number}": items for number in range(100)})
    told = plan_and_run(shop, PERSONAL, 0)
    assert (told.foretold, told.done["braze"]["requests"]) == (told.done, 3)


def test_after_a_kill_what_was_accepted_is_not_foretold_to_be_sent(shop, monkeypatch):
    """Of what a delivery had in flight when it died, the plan leaves out what was accepted, as the run's recovery does."""
    run, bucket = JobRun(PERSONAL, DAYS[0]), open_storage(str(shop.root))
    with monkeypatch.context() as environment:
        environment.setenv("BRAZE_API_KEY", "wrong")
        assert not plan_and_run(shop, PERSONAL, 0).run.success
    decorated = open_folder(bucket, layout.stage(run, "decorated_recommendations")).scan("braze")
    (users,) = decorated.to_table(columns=["user_id", "fingerprint", "points"]).to_batches()
    ahead = WriteAhead(bucket, layout.delivered_run(run, "braze", "in_flight"))
    parcels = [Parcel(users.slice(place, 1), users["fingerprint"].slice(place, 1), CALL) for place in (0, 1)]
    (answered, _), (sent, _) = ahead.plan(parcels)
    ahead.note(answered, "accepted", attempt=1, at=1.0)
    ahead.note(sent, "sent", attempt=1, at=1.0)
    ahead.leave()
    told = plan_and_run(shop, PERSONAL, 0)
    assert told.foretold == told.done
    assert {name: told.done["braze"][name] for name in ("added", "changed", "accepted")} == {
        "added": 2,
        "changed": 2,
        "accepted": 3,
    }
    assert told.done["braze"]["perhaps_billed_twice"] == 1
