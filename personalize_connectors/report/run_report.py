"""The report of one run, made of what runs left in the bucket."""

from __future__ import annotations

from datetime import datetime

from personalize_connectors import layout
from personalize_connectors.connectors.registry import connectors
from personalize_connectors.errors import NotFound
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.report.figures import history, runs_with_figures
from personalize_connectors.report.page import page
from personalize_connectors.report.samples import sample_users
from personalize_connectors.storage import Storage

RUNS, USERS = 30, 10


def write_report(bucket: Storage, run: JobRun, *, pictures: bool) -> str:
    """Write the report of a run, whatever it has come to; gives its path.

    Raises:
        NotFound: the run left no figures.
    """
    runs = history(bucket, run, RUNS)
    if not runs or runs[-1].run != run:
        raise NotFound(f"{run.key} left no figures in {bucket.uri(layout.figures(run))}; run it again")
    known = connectors()
    profiles = [name for name in runs[-1].deltas if name in known and known[name].unit == "user"]
    users = sample_users(bucket, run, profiles[0], USERS) if profiles else []
    bucket.write(layout.report(run), page(runs, users, pictures=pictures).encode())
    return layout.report(run)


def find_report(bucket: Storage, job: Job, at: datetime | None, *, pictures: bool) -> str:
    """The path of the report of a job's newest run, or of the one at a timestamp; written where it is missing.

    Raises:
        NotFound: there is no such run.
    """
    found = [run_at for run_at in runs_with_figures(bucket, job) if at is None or run_at == at]
    if not found:
        when = f" of {JobRun(job, at).run}" if at else ""
        raise NotFound(f"{job} has no report{when} below {bucket.uri(layout.reports(job))}; a run writes one")
    run = JobRun(job, found[-1])
    return (
        layout.report(run)
        if bucket.exists(layout.report(run))
        else write_report(bucket, run, pictures=pictures)
    )
