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
    found = []
    for job_type in JOB_TYPES:
        folders, _ = bucket.children(f"{layout.JOBS}/{job_type}")
        for folder in folders:
            try:
                found.append(Job(job_type, folder.rpartition("/")[2]))
            except BadJobRun:
                continue
    return found


def misnamed_jobs(bucket: Storage) -> list[str]:
    """Folders below etl_jobs/ that are no job: another type, or a name that is not of the form."""
    known = {layout.job_folder(job) for job in jobs(bucket)}
    types, _ = bucket.children(layout.JOBS)
    folders = [folder for kind in types for folder in (bucket.children(kind)[0] or [kind])]
    return sorted(set(folders) - known - {f"{layout.JOBS}/{job_type}" for job_type in JOB_TYPES})


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
        near = get_close_matches(str(job), names, n=1)
        hint = (
            f" Did you mean {near[0]}?"
            if near
            else f" Make it: personalize-connectors new-job {job.job_type} {job.name}"
        )
        raise NotFound(f"there is no {bucket.uri(path)}.{hint}") from None
    return parse_config(content, bucket.uri(path), job)
