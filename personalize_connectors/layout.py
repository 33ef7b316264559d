"""Where everything lives, relative to the root: the one table of the bucket. No other module spells a path.

```
etl_jobs/<job_type>/<job_name>/
  config.json
  input/user_item_mapping/*.csv
  input/item_metadata/*.json
  stages/<asset>/year=YYYY/month=MM/day=DD/time=HHMMSS/*.parquet
  errors/year=.../*.json
  requests/year=.../*.json
  reports/year=.../report.html, figures.json
  output/<connector>/year=.../*.json
  output/<connector>/{state,receipts,dead_letters,in_flight}/year=.../
```
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Literal

from personalize_connectors.job_run import Job, JobRun

JOBS = "etl_jobs"
SUCCESS = "_SUCCESS"

_PARTITION = re.compile(r"year=(\d{4})/month=(\d{2})/day=(\d{2})/time=(\d{6})")
_DELIVERED = ("state", "receipts", "dead_letters", "in_flight")

Kind = Literal["stages", "records", "receipts", "states"]
LEFT_BY_RUNS = ("stages", "errors", "requests", "reports", "output")
_KINDS: dict[str, Kind] = {
    r"stages/[^/]+/": "stages",
    r"(errors|requests|output/[^/]+)/": "records",
    r"(reports|output/[^/]+/(receipts|dead_letters))/": "receipts",
    r"output/[^/]+/state/": "states",
}


def job_folder(job: Job) -> str:
    """Folder of one job."""
    return f"{JOBS}/{job.job_type}/{job.name}"


def config_file(job: Job) -> str:
    """The job's config.json."""
    return f"{job_folder(job)}/config.json"


def mapping_folder(job: Job) -> str:
    """CSV files USER_ID,ITEM_ID (related_items)."""
    return f"{job_folder(job)}/input/user_item_mapping"


def metadata_folder(job: Job) -> str:
    """JSON Lines files of item metadata (optional)."""
    return f"{job_folder(job)}/input/item_metadata"


def partition(run_at: datetime) -> str:
    """The year/month/day/time folder of a run timestamp."""
    at = run_at.astimezone(UTC)
    return f"year={at.year:04}/{at:month=%m/day=%d/time=%H%M%S}"


def run_at_of(path: str) -> datetime | None:
    """Inverse of `partition`: the run timestamp in a path, or None where there is none."""
    found = _PARTITION.search(path)
    if not found:
        return None
    try:
        return datetime.strptime("".join(found.groups()), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def left_by_run(job: Job, path: str) -> tuple[Kind, str] | None:
    """Of an object that a run left for good: its kind, and the folder of that run; None for all else below the job."""
    found = _PARTITION.search(path)
    if not found:
        return None
    above = path[: found.start()].removeprefix(f"{job_folder(job)}/")
    kind = next((kind for pattern, kind in _KINDS.items() if re.fullmatch(pattern, above)), None)
    return (kind, path[: found.end()]) if kind else None


def stages(job: Job, asset: str) -> str:
    """Folder above the runs of one asset's Parquet files."""
    return f"{job_folder(job)}/stages/{asset}"


def stage(run: JobRun, asset: str) -> str:
    """Folder of one asset's Parquet files for one run."""
    return f"{stages(run.job, asset)}/{partition(run.run_at)}"


def submitted(run: JobRun, asset: str) -> str:
    """Folder of what is said to and by the job that was submitted for one asset."""
    return f"{stage(run, 'submitted')}/{asset}"


def errors(run: JobRun) -> str:
    """Folder of the error lines kept for one run."""
    return f"{job_folder(run.job)}/errors/{partition(run.run_at)}"


def request(run: JobRun, version: str, number: int) -> str:
    """The file by which a sensor takes the request of a run; another number where the one before it was lost."""
    return f"{job_folder(run.job)}/requests/{partition(run.run_at)}/{version}-{number}.json"


def reports(job: Job) -> str:
    """Folder above the reports of a job's runs."""
    return f"{job_folder(job)}/reports"


def report(run: JobRun) -> str:
    """The report of one run, for people."""
    return f"{reports(run.job)}/{partition(run.run_at)}/report.html"


def figures(run: JobRun) -> str:
    """The figures of one run, which its report and the reports of later runs show."""
    return f"{reports(run.job)}/{partition(run.run_at)}/figures.json"


def output(run: JobRun, connector: str) -> str:
    """Folder of the decorated records of one run."""
    return f"{job_folder(run.job)}/output/{connector}/{partition(run.run_at)}"


def delivered(job: Job, connector: str, kind: str) -> str:
    """Folder above the runs of what a connector keeps: `state`, `receipts`, `dead_letters` or `in_flight`."""
    if kind not in _DELIVERED:
        raise ValueError(f"{kind!r} is not one of {_DELIVERED}")
    return f"{job_folder(job)}/output/{connector}/{kind}"


def lease(job: Job, connector: str) -> str:
    """Folder of the lease that one delivery at a time holds."""
    return f"{delivered(job, connector, 'state')}/lease"


def delivered_run(run: JobRun, connector: str, kind: str) -> str:
    """Folder of one run's `state`, `receipts`, `dead_letters` or `in_flight`."""
    return f"{delivered(run.job, connector, kind)}/{partition(run.run_at)}"
