"""The partition of every asset, as a grid or as a list; both spell their keys alike, so history stays valid both ways."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from personalize_connectors.job_run import JobRun

MOST_CELLS = 50_000

JOBS, RUNS, JOB_RUNS = "job", "run", "job_run"  # names of the dynamic dimensions


def partitions(form: str) -> dg.PartitionsDefinition[str]:
    """`grid`: the dimensions `job` and `run`; `list`: one dimension for large installations."""
    if form == "list":
        return dg.DynamicPartitionsDefinition(name=JOB_RUNS)
    dimensions = {
        JOBS: dg.DynamicPartitionsDefinition(name=JOBS),
        RUNS: dg.DynamicPartitionsDefinition(name=RUNS),
    }
    return dg.MultiPartitionsDefinition(dimensions)


def register(instance: dg.DagsterInstance, form: str, run: JobRun) -> None:
    """Make a job run's partition known to Dagster, which knows no dynamic key by itself."""
    for name, keys in unregistered(instance, form, [run]).items():
        instance.add_dynamic_partitions(name, keys)


def unregistered(instance: dg.DagsterInstance, form: str, runs: Iterable[JobRun]) -> dict[str, list[str]]:
    """The keys of job runs that Dagster does not know yet, by dimension."""
    wanted: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, key in [(JOB_RUNS, run.key)] if form == "list" else [(JOBS, str(run.job)), (RUNS, run.run)]:
            wanted.setdefault(name, {})[key] = None
    missing = {
        name: [key for key in keys if not instance.has_dynamic_partition(name, key)]
        for name, keys in wanted.items()
    }
    return {name: keys for name, keys in missing.items() if keys}


def cells(instance: dg.DagsterInstance) -> int:
    """How many cells the grid has: every job with every run, most of which never were."""
    return len(instance.get_dynamic_partitions(JOBS)) * len(instance.get_dynamic_partitions(RUNS))


def run_tags(run: JobRun) -> dict[str, str]:
    """The tags of a run, whoever launched it."""
    return {"job": str(run.job), "run_at": run.run}
