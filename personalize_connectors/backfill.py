"""What a job missed: complete sources that no run has read as they are now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from personalize_connectors.all_configs import Configured
from personalize_connectors.batch_jobs import BatchJobs
from personalize_connectors.delivery.state import runs_of
from personalize_connectors.discovery import Wanted
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.jobs import read_config
from personalize_connectors.sources import newest_sources, place_of
from personalize_connectors.storage import Storage
from personalize_connectors.tick import completeness


@dataclass(frozen=True)
class Missed:
    """What there is to do.

    Attributes:
        runs: Oldest first; only the last one delivers, and only if nothing newer was delivered.
        waiting: Sources that are not complete yet, in words.
    """

    runs: tuple[Wanted, ...]
    waiting: tuple[str, ...]


def missed(
    bucket: Storage,
    job: Job,
    since: datetime,
    until: datetime | None,
    done: Collection[tuple[str, str]],
    now: datetime,
) -> Missed:
    """The sources from a time on that are not `done`: run timestamp and version of runs that went well."""
    config = read_config(bucket, job)
    there = Configured(config, place_of(bucket, config))
    incomplete = completeness(there, now, BatchJobs(job.job_type == "user_segmentation"))
    found = newest_sources(there.place, 0, since=since, until=until)
    once = {source.at: source for source in found}.values()  # of two at one time a run reads the last
    open_ones = [source for source in once if (JobRun(job, source.at).run, source.version) not in done]
    why = [incomplete(source) for source in open_ones]
    complete = [source for source, text in zip(open_ones, why, strict=True) if text is None]
    delivered = {at for name in config.connectors for at in runs_of(bucket, job, name, "state")}
    runs = tuple(
        Wanted(
            run=JobRun(job, source.at),
            version=source.version,
            uri=source.uri,
            delivers=source is complete[-1] and all(at <= source.at for at in delivered),
        )
        for source in complete
    )
    return Missed(runs, tuple(text for text in why if text))
