"""The last runs of each job, as Dagster remembers them, at the cost of what is shown: no run's log is opened, no job's history read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from personalize_connectors.assets.sync import sync_name
from personalize_connectors.connectors.registry import connectors
from personalize_connectors.job_run import Job
from personalize_connectors.run_launcher import has_died

_LOOK = 2  # jobs do not run equally often
_PAGE = 500  # of SQLite's variables and of events
_USERS = "user_recommendations"


@dataclass(frozen=True)
class PastRun:
    """A run that Dagster remembers; what it left to the run that it repeats is that run's.

    Attributes:
        run_at: The run timestamp, as it stands in the key.
        status: Dagster's, in small letters; `died` where that is one that goes on, and its process is known to be gone.
        started: When it began; None where it still waits.
        users: How many were in the lists; None where they were not made.
        accepted: By all destinations together; None where nothing was delivered.
        rejected: The same.
    """

    run_at: str
    status: str
    started: datetime | None
    users: int | None
    accepted: int | None
    rejected: int | None


_Noted = Mapping[tuple[str, str], Mapping[str, Any]]  # what was noted by run id and asset


def past_runs(instance: dg.DagsterInstance, jobs: Sequence[Job], limit: int) -> dict[Job, list[PastRun]]:
    """The newest runs of each job, newest first, whoever launched them."""
    records = _records(instance, [str(job) for job in jobs], limit)
    keys = Counter(_key(record.dagster_run) for found in records.values() for record in found)
    syncs = [sync_name(name) for name in connectors()]
    noted = {
        (entry.run_id, asset): {name: value.value for name, value in event.metadata.items()}
        for asset in (_USERS, *syncs)
        for entry in _materializations(instance, asset, keys)
        if (event := entry.asset_materialization)
    }
    return {job: [_past_run(instance, record, syncs, noted) for record in records[str(job)]] for job in jobs}


def _records(instance: dg.DagsterInstance, jobs: Sequence[str], limit: int) -> dict[str, list[dg.RunRecord]]:
    """Those among the newest runs of all jobs; of a job that has fewer there, its own."""
    found: dict[str, list[dg.RunRecord]] = {job: [] for job in jobs}
    most = _LOOK * len(jobs) * limit
    newest = instance.get_run_records(limit=most)
    for record in newest:
        of_job = found.get(record.dagster_run.tags.get("job", ""))
        if of_job is not None and len(of_job) < limit:
            of_job.append(record)
    if len(newest) == most:
        for job, records in found.items():
            if len(records) < limit:
                found[job] = list(instance.get_run_records(dg.RunsFilter(tags={"job": job}), limit=limit))
    return found


def _key(run: dg.DagsterRun) -> str:
    return f"{run.tags['job']}|{run.tags.get('run_at', '')}"


def _materializations(
    instance: dg.DagsterInstance, asset: str, keys: Mapping[str, int]
) -> Iterator[dg.EventLogEntry]:
    """The newest of each partition, and the others of those that have several runs.

    SQLite answers for several partitions at once by reading the events of all, so their newest are found by their ids.
    """
    key, every, kind = dg.AssetKey(asset), sorted(keys), dg.DagsterEventType.ASSET_MATERIALIZATION
    filters = []
    for start in range(0, len(every), _PAGE):
        newest = instance.get_latest_storage_id_by_partition(key, kind, set(every[start : start + _PAGE]))
        if newest:
            filters.append(dg.AssetRecordsFilter(key, storage_ids=list(newest.values())))
    filters += [dg.AssetRecordsFilter(key, asset_partitions=[one]) for one, runs in keys.items() if runs > 1]
    for wanted in filters:
        yield from (
            record.event_log_entry for record in instance.fetch_materializations(wanted, _PAGE).records
        )


def _past_run(
    instance: dg.DagsterInstance, record: dg.RunRecord, syncs: Sequence[str], noted: _Noted
) -> PastRun:
    run = record.dagster_run
    died = not run.is_finished and has_died(instance, run.run_id)
    delivered = [found for sync in syncs if (found := _of_run(run, sync, noted)).get("configured")]
    return PastRun(
        run_at=run.tags.get("run_at", ""),
        status="died" if died else run.status.value.lower(),
        started=datetime.fromtimestamp(record.start_time, UTC) if record.start_time else None,
        users=_of_run(run, _USERS, noted).get("users"),
        accepted=sum(found["accepted"] for found in delivered) if delivered else None,
        rejected=sum(found["rejected"] for found in delivered) if delivered else None,
    )


def _of_run(run: dg.DagsterRun, asset: str, noted: _Noted) -> Mapping[str, Any]:
    """What a run noted of an asset, or, where it is a repeated run's rest, what that run noted."""
    before = () if asset in (run.step_keys_to_execute or ()) else (run.parent_run_id, run.root_run_id)
    return next((noted[run_id, asset] for run_id in (run.run_id, *before) if (run_id, asset) in noted), {})
