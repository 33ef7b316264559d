"""Who or what is explained, and the stages of a run that are still there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from personalize_connectors import layout
from personalize_connectors.assets.decoration import ASSET as DECORATED
from personalize_connectors.errors import BadInput
from personalize_connectors.folders import Folder, complete
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.storage import Storage

# The assets' names; their modules import Dagster, which nobody here waits for.
RAW, ERRORS, USERS = "batch_inference_raw", "inference_errors", "user_recommendations"
STAGES = (RAW, ERRORS, USERS, DECORATED)


@dataclass(frozen=True)
class Subject:
    """A user, or an item, of a job."""

    job: Job
    unit: Literal["user", "item"]
    id: str

    def __post_init__(self) -> None:
        try:
            self.id.encode()
        except UnicodeEncodeError:
            raise BadInput(f"{self.id!r} is not UTF-8, as the id of every {self.unit} is") from None

    def run_of(self, path: str) -> str:
        """The timestamp of the run that a file is of, as in the run's key."""
        run_at = layout.run_at_of(path)
        return JobRun(self.job, run_at).run if run_at else ""


@dataclass(frozen=True)
class Stages:
    """The complete stage folders of a run.

    Attributes:
        run: None where the job has none.
        folders: Asset to folder.
        runs: All runs of the job that left any, oldest first.
    """

    run: JobRun | None
    folders: dict[str, Folder]
    runs: tuple[datetime, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The assets of which nothing is left."""
        return tuple(name for name in STAGES if name not in self.folders)


def stages_of(bucket: Storage, job: Job, at: datetime | None) -> Stages:
    """The stages of the run at a timestamp, or of the newest run that has some."""
    runs = tuple(sorted({found for name in STAGES for found, _ in complete(bucket, job, name)}))
    if at is None and not runs:
        return Stages(None, {}, ())
    run = JobRun(job, at or runs[-1])
    folders = {name: folder_at(bucket, layout.stage(run, name)) for name in STAGES}
    return Stages(run, {name: folder for name, folder in folders.items() if folder}, runs)


def folder_at(bucket: Storage, path: str) -> Folder | None:
    """A complete folder; None where there is none."""
    manifest = bucket.manifest(path)
    return Folder(bucket, path, manifest) if manifest else None


def written_at(folder: Folder) -> datetime:
    """When a folder was complete."""
    return datetime.fromisoformat(folder.manifest["written_at"])
