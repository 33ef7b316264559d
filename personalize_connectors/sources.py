"""The batch outputs of a job, and which one a run reads."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from personalize_connectors.errors import BadSettings, NotFound
from personalize_connectors.job_config import JobConfig
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.jobs import read_config
from personalize_connectors.storage import Object, Storage, open_storage

# batch_<solution>_YYYY_MM_DD_HH_MM_SS and <solution>_YYYY_..., but also 2026-11-22T03-00-00Z and the like.
_STAMP = re.compile(r"(\d{4})[-_]?(\d{2})[-_]?(\d{2})(?:[-_T]?(\d{2})[-_:]?(\d{2})[-_:]?(\d{2}))?Z?$")


@dataclass(frozen=True)
class Source:
    """One batch output: a folder of `.out` files.

    Attributes:
        storage: Where it is; not always the bucket.
        folder: From the storage's root.
        at: The timestamp in the folder's name, else when its newest file was written (UTC, whole seconds).
        files: The `.out` files, by name.
    """

    storage: Storage
    folder: str
    at: datetime
    files: tuple[Object, ...]

    @property
    def uri(self) -> str:
        """Its address, for people."""
        return self.storage.uri(self.folder)


def sources(bucket: Storage, config: JobConfig) -> list[Source]:
    """The batch outputs at `batchInferencePath`, oldest first: the folder itself, or its children."""
    storage, folder = _place(bucket, config.top.batchInferencePath)
    folders, files = storage.children(folder)
    if outputs := _outputs(files):
        return [_source(storage, folder, outputs)]
    found = [
        _source(storage, child, outputs)
        for child in folders
        if (outputs := _outputs(storage.children(child)[1]))
    ]
    return sorted(found, key=lambda source: (source.at, source.folder))


def source_of(bucket: Storage, config: JobConfig, run: JobRun) -> Source:
    """The source that a run reads: the newest one that is not younger than the run.

    Raises:
        NotFound: there is none; the text says where it was looked for and what is there.
    """
    found = _some_sources(bucket, run.job, config)
    fitting = [source for source in found if source.at <= run.run_at]
    if not fitting:
        raise NotFound(
            f"run {run.key}: the oldest batch output in {_where(bucket, config)} is {found[0].uri} of "
            f"{found[0].at.isoformat()}, younger than the run"
        )
    return fitting[-1]


def newest_source(bucket: Storage, job: Job, config: JobConfig) -> Source:
    """The newest source of a job; NotFound where there is none."""
    return _some_sources(bucket, job, config)[-1]


def resolve_run(bucket: Storage, job: Job, at: datetime | None) -> JobRun:
    """The job run at a timestamp, or of the job's newest source; there must be a source for it."""
    config = read_config(bucket, job)
    if at is None:
        return JobRun(job, newest_source(bucket, job, config).at)
    run = JobRun(job, at)
    source_of(bucket, config, run)
    return run


def _some_sources(bucket: Storage, job: Job, config: JobConfig) -> list[Source]:
    found = sources(bucket, config)
    if not found:
        raise NotFound(f"{job}: no .out file in {_where(bucket, config)} or the folders directly in it")
    return found


def _where(bucket: Storage, config: JobConfig) -> str:
    path = config.top.batchInferencePath
    return f"{path} (batchInferencePath" + (")" if _is_absolute(path) else f", from {bucket.uri('')})")


def _place(bucket: Storage, path: str) -> tuple[Storage, str]:
    if _is_absolute(path):
        try:
            return open_storage(path), ""
        except BadSettings as error:
            raise NotFound(f"batchInferencePath: {error}") from None
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise NotFound(
            f"batchInferencePath {path!r} leads out of the bucket; write an absolute path or an s3:// address"
        )
    return bucket, "/".join(parts)


def _is_absolute(path: str) -> bool:
    return "://" in path or path.startswith(("/", "~"))


def _outputs(files: list[Object]) -> tuple[Object, ...]:
    return tuple(
        found for found in files if not found.name.startswith(("_", ".")) and found.name.endswith(".out")
    )


def _source(storage: Storage, folder: str, files: tuple[Object, ...]) -> Source:
    named = _STAMP.search((folder or storage.url).rstrip("/").rpartition("/")[2])
    at = max(found.modified for found in files).astimezone(UTC).replace(microsecond=0)
    if named:
        with suppress(ValueError):  # digits that are no date
            at = datetime(*(int(part or 0) for part in named.groups()), tzinfo=UTC)  # type: ignore[arg-type,misc]
    return Source(storage, folder, at, files)
