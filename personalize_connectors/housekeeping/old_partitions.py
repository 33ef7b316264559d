"""The partitions that Dagster shows though nobody needs them any more; the history of their runs stays."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

import dagster as dg

from personalize_connectors.errors import BadJobRun
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.partitions import JOB_RUNS, JOBS, RUNS

_PAGE = 1000


def old_partitions(
    instance: dg.DagsterInstance,
    form: str,
    jobs: Collection[Job],
    needed: Collection[JobRun],
    since: datetime,
) -> dict[str, list[str]]:
    """The keys to remove, by dimension: of before a moment, that no run was launched for since then, and that are not needed.

    Of the grid a run timestamp goes where it goes for all jobs, and a job where its folder is gone too. A key that is not of
    the form is somebody else's, and stays.
    """
    kept = {*needed, *_launched(instance, since)}
    if form == "list":
        runs = {run.key for run in kept}
        known = instance.get_dynamic_partitions(JOB_RUNS)
        return _without_empty(
            {JOB_RUNS: [key for key in known if key not in runs and _is_before(key, since)]}
        )
    timestamps, named = {run.run for run in kept}, {str(job) for job in (*jobs, *(run.job for run in kept))}
    any_job = Job("user_personalization", "any")
    return _without_empty(
        {
            RUNS: [
                key
                for key in instance.get_dynamic_partitions(RUNS)
                if key not in timestamps and _is_before(f"{any_job}|{key}", since)
            ],
            JOBS: [key for key in instance.get_dynamic_partitions(JOBS) if key not in named and _is_job(key)],
        }
    )


def _launched(instance: dg.DagsterInstance, since: datetime) -> Iterator[JobRun]:
    """The job runs of Dagster's runs since a moment."""
    cursor = None
    while True:
        records = instance.get_run_records(dg.RunsFilter(created_after=since), limit=_PAGE, cursor=cursor)
        for record in records:
            tags = record.dagster_run.tags
            try:
                yield JobRun.parse(f"{tags.get('job')}|{tags.get('run_at')}")
            except BadJobRun:
                continue
        if len(records) < _PAGE:
            return
        cursor = records[-1].dagster_run.run_id


def _is_before(key: str, since: datetime) -> bool:
    try:
        return JobRun.parse(key).run_at < since
    except BadJobRun:
        return False


def _is_job(key: str) -> bool:
    try:
        return bool(Job.parse(key))
    except BadJobRun:
        return False


def _without_empty(keys: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: found for name, found in keys.items() if found}
