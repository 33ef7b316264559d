"""One sweep: find what is past its retention, say it, and remove it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from personalize_connectors.errors import ConnectorsError
from personalize_connectors.housekeeping.old_partitions import old_partitions
from personalize_connectors.housekeeping.outdated import Leftover, outdated
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.jobs import jobs
from personalize_connectors.retention import Retention
from personalize_connectors.storage import Storage


@dataclass(frozen=True)
class Sweep:
    """What is past its retention.

    Attributes:
        leftovers: In the bucket, of each job.
        partitions: Keys that Dagster shows, by dimension.
        troubles: Of jobs that could not be looked at.
    """

    leftovers: dict[Job, list[Leftover]]
    partitions: dict[str, list[str]]
    troubles: list[str]

    def lines(self) -> Iterator[str]:
        """What it is, in one line for each job and kind."""
        for job, found in self.leftovers.items():
            for kind in sorted({entry.kind for entry in found}):
                yield f"{job}  {_line(kind, [entry for entry in found if entry.kind == kind])}"
        for name, keys in self.partitions.items():
            yield f"Dagster  {len(keys):,} partitions of {name!r}, first {min(keys)}, last {max(keys)}"
        yield from self.troubles


def look(
    bucket: Storage,
    instance: dg.DagsterInstance,
    form: str,
    retention: Retention,
    now: datetime | None = None,
) -> Sweep:
    """Find what is past its retention; removes nothing."""
    now = now or datetime.now(UTC)
    known = jobs(bucket)
    leftovers, troubles, needed = {}, [], set[JobRun]()
    for job in known:
        try:
            found = outdated(bucket, job, retention, now)
        except ConnectorsError as error:
            troubles.append(f"{job}: {error}")
            continue
        needed |= {JobRun(job, run_at) for run_at in found.read_later}
        if found.leftovers:
            leftovers[job] = found.leftovers
    partitions = old_partitions(instance, form, known, needed, now - retention.partitions)
    return Sweep(leftovers, partitions, troubles)


def remove(bucket: Storage, instance: dg.DagsterInstance, sweep: Sweep) -> None:
    """Remove what was found."""
    for found in sweep.leftovers.values():
        for entry in found:
            bucket.remove_all([each.path for each in entry.objects])
            bucket.remove_empty(entry.folder)
    for name, keys in sweep.partitions.items():
        for key in keys:
            instance.delete_dynamic_partition(name, key)


def _line(kind: str, found: list[Leftover]) -> str:
    runs = [entry.run_at for entry in found]
    files, size = sum(len(entry.objects) for entry in found), sum(entry.size for entry in found)
    return (
        f"{kind} of {len(set(runs)):,} runs, {min(runs):%Y-%m-%d} to {max(runs):%Y-%m-%d}: "
        f"{files:,} files, {size:,} bytes"
    )
