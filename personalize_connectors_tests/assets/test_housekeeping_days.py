"""Runs before and after a sweep that removes all that can be removed."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from personalize_connectors.definitions import defs
from personalize_connectors.housekeeping.sweep import look, remove
from personalize_connectors.job_run import Job
from personalize_connectors.retention import Retention
from personalize_connectors_tests.assets.runs import QUIET

PERSONAL = Job("user_personalization", "daily")
EVERYTHING = Retention(timedelta(0), timedelta(0), timedelta(0), 1)
LATER = datetime.now(UTC) + timedelta(days=400)


def sweep(world):
    """Remove all that is past a retention of no time; gives the kinds."""
    found = look(world.bucket, world.instance, "grid", EVERYTHING, LATER)
    remove(world.bucket, world.instance, found)
    return {entry.kind for entries in found.leftovers.values() for entry in entries}


@pytest.fixture(params=["folder", "s3"])
def two_days(request):
    """A job whose days 1 and 2 were delivered; on both days Braze rejected a user."""
    world = request.getfixturevalue("world" if request.param == "folder" else "s3_world")
    world.configure(PERSONAL, saveBatchInferenceErrors=True, maxErrorShare=1.0)
    world.emulator.faults(reject_users=["bad"], reject_type="EMAIL_BAD_FORMAT")
    for day, item in enumerate("ab"):
        world.answer(PERSONAL, day, {"u1": ["x"], "u2": [item], "bad": [item]}, "no json")
        assert world.run(PERSONAL, day, allow_user_drop=True).success
    return world


def test_a_sweep_changes_no_delivery(two_days):
    """After it the same day sends nothing, and the next day what changed, as if nothing had been removed."""
    assert sweep(two_days) == {"stages", "records", "receipts", "states"}
    before = two_days.requests()
    assert two_days.run(PERSONAL, 1).success
    assert two_days.requests() == before
    two_days.answer(PERSONAL, 2, {"u1": ["x"], "u2": ["c"]})
    found = two_days.run(PERSONAL, 2, allow_user_drop=True)
    decorated = found.metadata["decorated_recommendations"]
    assert (decorated["unchanged"], decorated["changed"], decorated["added"]) == (1, 1, 0)
    profiles = two_days.emulator.profiles()
    assert {user: profile["recommendation_items"] for user, profile in profiles.items() if user != "bad"} == {
        "u1": [{"itemId": "x"}],
        "u2": [{"itemId": "c"}],
    }


def test_a_second_sweep_finds_nothing(two_days):
    """What is kept is kept for good, until a newer run."""
    sweep(two_days)
    assert sweep(two_days) == set()


def test_the_schedule_sweeps(world):
    """The nightly job removes the partitions of a timestamp long past, and says so."""
    world.configure(PERSONAL)
    world.instance.add_dynamic_partitions("run", ["2020-01-01T03-00-00Z"])
    found = defs.resolve_job_def("housekeeping").execute_in_process(instance=world.instance, run_config=QUIET)
    assert found.success
    assert not world.instance.has_dynamic_partition("run", "2020-01-01T03-00-00Z")
    assert isinstance(defs.resolve_schedule_def("housekeeping"), dg.ScheduleDefinition)
