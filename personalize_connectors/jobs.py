"""The jobs of a bucket and their configs."""

from __future__ import annotations

from difflib import get_close_matches

from personalize_connectors import layout
from personalize_connectors.errors import BadJobRun, NotFound
from personalize_connectors.job_config import JobConfig, parse_config
from personalize_connectors.job_run import JOB_TYPES, Job
from personalize_connectors.storage import Storage


def jobs(bucket: Storage) -> list[Job]:
    """All job folders with a name of the form, by type and name."""
    return job_folders(bucket)[0]


def job_folders(bucket: Storage) -> tuple[list[Job], list[str]]:
    """All jobs, by type and name, and in words the folders that are none: another type, or a name that is not of the form."""
    types, _ = bucket.children(layout.JOBS)
    found, misnamed = [], []
    for path in types:
        job_type = path.rpartition("/")[2]
        folders, _ = bucket.children(path)
        for folder in folders or ([] if job_type in JOB_TYPES else [path]):
            try:
                found.append(Job(job_type, folder.rpartition("/")[2]))
            except BadJobRun:
                misnamed.append(
                    f"{bucket.uri(folder)} is no job: its type is unknown or its name is not of the form"
                )
    return sorted(found, key=lambda job: (JOB_TYPES.index(job.job_type), job.name)), sorted(misnamed)


def read_config(bucket: Storage, job: Job) -> JobConfig:
    """The job's config.json.

    Raises:
        NotFound: there is none.
        InvalidConfig: it cannot be used.
    """
    path = layout.config_file(job)
    try:
        content = bucket.read(path)
    except FileNotFoundError:
        names = [str(known) for known in jobs(bucket)]
        near = [] if str(job) in names else get_close_matches(str(job), names, n=1)
        hint = (
            f" Did you mean {near[0]}?"
            if near
            else f" Make it: personalize-connectors new-job {job.job_type} {job.name}"
        )
        raise NotFound(f"there is no {bucket.uri(path)}.{hint}") from None
    return parse_config(content, bucket.uri(path), job)
