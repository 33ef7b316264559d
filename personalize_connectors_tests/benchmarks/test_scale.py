import os
from pathlib import Path

import dagster as dg
import pytest

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
