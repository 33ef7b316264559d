"""The partition of every asset, as a grid or as a list; both spell their keys alike, so history stays valid both ways."""

from __future__ import annotations

import dagster as dg

from personalize_connectors.job_run import JobRun

_JOB, _RUN, _FLAT = "job", "run", "job_run"


def partitions(form: str) -> dg.PartitionsDefinition[str]:
    """`grid`: the dimensions `job` and `run`; `list`: one dimension for large installations."""
    if form == "list":
        return dg.DynamicPartitionsDefinition(name=_FLAT)
    dimensions = {
        _JOB: dg.DynamicPartitionsDefinition(name=_JOB),
        _RUN: dg.DynamicPartitionsDefinition(name=_RUN),
    }
    return dg.MultiPartitionsDefinition(dimensions)


def register(instance: dg.DagsterInstance, form: str, run: JobRun) -> None:
    """Make a job run's partition known to Dagster, which knows no dynamic key by itself."""
    wanted = [(_FLAT, run.key)] if form == "list" else [(_JOB, str(run.job)), (_RUN, run.run)]
    for name, key in wanted:
        if not instance.has_dynamic_partition(name, key):
            instance.add_dynamic_partitions(name, [key])


def run_tags(run: JobRun) -> dict[str, str]:
    """The tags of a run, whoever launched it."""
    return {"job": str(run.job), "run_at": run.run}
