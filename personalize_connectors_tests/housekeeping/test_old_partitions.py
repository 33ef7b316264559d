from datetime import UTC, datetime

import dagster as dg
import pytest

from personalize_connectors.housekeeping.old_partitions import old_partitions
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.partitions import register, run_tags

DAILY, HOURLY = Job("user_personalization", "daily"), Job("related_items", "hourly")
DAYS = [datetime(2026, 11, day, 3, tzinfo=UTC) for day in (1, 2, 3, 4)]
SINCE = datetime(2026, 11, 4, tzinfo=UTC)


@pytest.fixture
def instance():
    """An empty Dagster."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def fill(instance, form):
    """Four runs of one job, and one of another, whose folder is gone."""
    for at in DAYS:
        register(instance, form, JobRun(DAILY, at))
    register(instance, form, JobRun(HOURLY, DAYS[0]))


def key(job, day):
    """A key of the list."""
    return JobRun(job, DAYS[day]).key


def test_the_grid_loses_old_timestamps_and_jobs_that_are_gone(instance):
    """A timestamp goes that is old for all jobs and not needed; a job goes with its folder."""
    fill(instance, "grid")
    found = old_partitions(instance, "grid", [DAILY], {JobRun(DAILY, DAYS[1])}, SINCE)
    assert found == {"run": ["2026-11-01T03-00-00Z", "2026-11-03T03-00-00Z"], "job": [str(HOURLY)]}


def test_the_list_loses_old_keys(instance):
    """Of the list each key is judged by itself."""
    fill(instance, "list")
    found = old_partitions(instance, "list", [DAILY], {JobRun(DAILY, DAYS[1])}, SINCE)
    assert found == {"job_run": [key(DAILY, 0), key(DAILY, 2), key(HOURLY, 0)]}


@pytest.mark.parametrize("form", ["grid", "list"])
def test_a_run_of_late_keeps_its_partition(instance, form):
    """A partition that was run since then stays, however old its timestamp."""
    fill(instance, form)
    for at in DAYS:
        run = JobRun(HOURLY if at == DAYS[0] else DAILY, at)
        instance.add_run(dg.DagsterRun(job_name="any", tags=run_tags(run)))
    found = old_partitions(instance, form, [DAILY], (), SINCE)
    assert found == ({} if form == "grid" else {"job_run": [key(DAILY, 0)]})


@pytest.mark.parametrize("form", ["grid", "list"])
def test_keys_of_another_form_stay(instance, form):
    """A key that somebody typed is not ours to remove."""
    for name in ("run", "job", "job_run"):
        instance.add_dynamic_partitions(name, ["typed by hand"])
    assert old_partitions(instance, form, (), (), SINCE) == {}
