import os
from pathlib import Path

import dagster as dg
import pytest

from benchmarks.scale.__main__ import verdict
from benchmarks.scale.cost import Cost, cost
from benchmarks.scale.history import Past, begin, grow
from personalize_connectors.demo.run import emulator
from personalize_connectors.past_runs import past_runs


@pytest.fixture
def past(tmp_path):
    """Two jobs with three past runs each, made in two steps."""
    past = Past(tmp_path, 2)
    with emulator():
        begin(past, {**os.environ, **past.environment, "PYTHONPATH": str(Path(__file__).parents[2])})
    grow(past, 0, 1)
    grow(past, 1, 3)
    return past


def test_past_runs_look_as_if_each_had_been_run(past):
    """Dagster knows a partition, a run and the materializations of each, and the newest runs of a job can be read in full."""
    keys = {past.run(job, number).key for job in range(2) for number in range(3)}
    with dg.DagsterInstance.from_config(str(past.home)) as instance:
        assert set(instance.get_dynamic_partitions("job_run")) == keys
        assert {run.tags["dagster/partition"] for run in instance.get_runs()} == keys
        assert instance.get_materialized_partitions(dg.AssetKey("connector_state")) == keys
        for job, (newest, *_) in enumerate(
            past_runs(instance, [past.run(job, 0).job for job in range(2)], 3).values()
        ):
            assert (newest.run_at, newest.status) == (past.run(job, 2).run, "success")
            assert (newest.users, newest.accepted) == (1, 1)


def test_a_cost_of_several_times_is_the_mean_of_the_processor_without_what_comes_before():
    """The processor's seconds are shared out among the times, and those of what goes before each are nobody's."""
    used = iter([1.0, 1.25, 2.0, 2.75])
    done = []
    found = cost(lambda: done.append("work"), lambda: next(used), 2, lambda: done.append("before"))
    assert (found.processor, done) == (0.5, ["before", "work", "before", "work"])


@pytest.mark.parametrize(
    ("name", "processor", "word"),
    [
        ("personalize-connectors jobs", 1.5, "holds"),
        ("personalize-connectors jobs", 1.6, "grows faster"),
        ("partitions page, nothing new", 15.0, "holds"),
        ("partitions page, nothing new", 15.1, "grows faster"),
    ],
)
def test_only_the_partitions_page_may_grow_with_the_past_runs(name, processor, word):
    """With ten times the past runs the page shows ten times as much, and all else as much as before."""
    assert verdict(name, Cost(1, 1), Cost(99, processor), 10).startswith(f"{word} ")
