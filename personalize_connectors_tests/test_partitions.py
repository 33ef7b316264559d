"""Both forms of partitions."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.partitions import partitions, register, run_tags

RUN = JobRun(Job("user_personalization", "daily"), datetime(2026, 11, 22, 3, tzinfo=UTC))
LATER = JobRun(RUN.job, RUN.run_at + timedelta(days=1))


@pytest.fixture
def instance():
    """A Dagster instance in memory."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def keys(instance, form):
    """All partition keys of a form."""
    return partitions(form).get_partition_keys(dynamic_partitions_store=instance)


@pytest.mark.parametrize("form", ["grid", "list"])
def test_spells_keys_alike(instance, form):
    """Both forms give a job run the key that JobRun gives it, and it reads back."""
    register(instance, form, RUN)
    assert keys(instance, form) == [RUN.key]
    assert [JobRun.parse(key) for key in keys(instance, form)] == [RUN]


def test_names_the_two_dimensions_of_the_grid():
    """The grid has the dimensions job and run, so that the UI shows a column of each."""
    key = dg.MultiPartitionKey({"run": RUN.run, "job": str(RUN.job)})
    assert str(key) == RUN.key
    assert [one.name for one in partitions("grid").partitions_defs] == ["job", "run"]


@pytest.mark.parametrize("form", ["grid", "list"])
def test_registers_a_run_once(instance, form):
    """Registering a run again changes nothing."""
    for run in (RUN, RUN, LATER, RUN):
        register(instance, form, run)
    assert sorted(keys(instance, form)) == [RUN.key, LATER.key]


def test_forms_do_not_mix(instance):
    """A run that is registered in one form is not thereby known in the other."""
    register(instance, "list", RUN)
    assert (keys(instance, "list"), keys(instance, "grid")) == ([RUN.key], [])


def test_tags_a_run():
    """A run carries its job and its timestamp as tags."""
    assert run_tags(RUN) == {"job": "user_personalization/daily", "run_at": "2026-11-22T03-00-00Z"}
