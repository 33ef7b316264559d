"""The configs of all jobs at once: which can be used, and what is wrong with the others, as `validate` says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from personalize_connectors import layout
from personalize_connectors.errors import InvalidConfig, NotFound
from personalize_connectors.job_config import JobConfig, parse_config
from personalize_connectors.job_run import Job
from personalize_connectors.side_by_side import SideBySide
from personalize_connectors.sources import Place, place_of
from personalize_connectors.storage import Storage
from personalize_connectors.storage_errors import STORAGE_ERRORS, storage_error_text


@dataclass(frozen=True)
class Configured:
    """A job that can be run, and where its sources are."""

    config: JobConfig
    place: Place


@dataclass(frozen=True)
class Configs:
    """The configs of some jobs.

    Attributes:
        usable: Those that can be used.
        problems: Those that cannot, with what is wrong: one line for each problem.
        missing: Jobs that have no config.json yet.
        troubles: Jobs whose config could not be read just now, with the reason.
    """

    usable: Mapping[Job, Configured]
    problems: Mapping[Job, str]
    missing: Sequence[Job]
    troubles: Mapping[Job, str]

    @property
    def problem_lines(self) -> list[str]:
        """What is wrong, as `validate` prints it."""
        return [f"{job}: {line}" for job in sorted(self.problems) for line in self.problems[job].splitlines()]


def read_configs(bucket: Storage, jobs: Sequence[Job], threads: SideBySide, deadline: float) -> Configs:
    """Read the configs of jobs; those that are not read by the deadline are left out."""
    usable, problems, opened = {}, {}, dict[str, Storage]()

    def read(job: Job) -> bytes | str | None:
        try:
            return bucket.read(layout.config_file(job))
        except FileNotFoundError:
            return None
        except STORAGE_ERRORS as error:
            return storage_error_text(error)

    found = threads.until(deadline, read, jobs)
    for job, content in found.items():
        if not isinstance(content, bytes):
            continue
        try:
            config = parse_config(content, bucket.uri(layout.config_file(job)), job)
            usable[job] = Configured(config, place_of(bucket, config, opened))
        except (InvalidConfig, NotFound) as error:
            problems[job] = str(error)
    return Configs(
        usable=usable,
        problems=problems,
        missing=[job for job, content in found.items() if content is None],
        troubles={job: content for job, content in found.items() if isinstance(content, str)},
    )
