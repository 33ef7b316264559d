"""A job, and a job at one run timestamp: the partition of every asset.

The spelling of a key is `<job_type>/<job_name>|YYYY-MM-DDTHH-MM-SSZ`. Dagster checks nothing about dynamic
partition keys, so every door (command line, UI, sensor, IO manager) reads them through here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Self

from personalize_connectors.errors import BadJobRun

JOB_TYPES = ("user_personalization", "related_items", "personalized_ranking", "user_segmentation")
KEY_FORM = (
    "<job_type>/<job_name>|YYYY-MM-DDTHH-MM-SSZ, for example user_personalization/daily|2026-11-22T03-00-00Z"
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_TIMESTAMP = "%Y-%m-%dT%H-%M-%SZ"


@dataclass(frozen=True, order=True)
class Job:
    """One folder `etl_jobs/<job_type>/<job_name>/`."""

    job_type: str
    name: str

    def __post_init__(self) -> None:
        if self.job_type not in JOB_TYPES:
            near = get_close_matches(self.job_type, JOB_TYPES, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise BadJobRun(f"job type {self.job_type!r} is not one of {', '.join(JOB_TYPES)}.{hint}")
        if not _NAME.fullmatch(self.name):
            raise BadJobRun(
                f"job name {self.name!r} is not of the form [A-Za-z0-9][A-Za-z0-9_.-]*, at most 100 characters"
            )

    def __str__(self) -> str:
        return f"{self.job_type}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `<job_type>/<job_name>`."""
        job_type, slash, name = text.partition("/")
        if not slash:
            raise BadJobRun(
                f"{text!r} is not a job: write <job_type>/<job_name>, one of {', '.join(JOB_TYPES)}"
            )
        return cls(job_type, name)


@dataclass(frozen=True, order=True)
class JobRun:
    """A job at one run timestamp (UTC, whole seconds)."""

    job: Job
    run_at: datetime

    def __post_init__(self) -> None:
        if (
            self.run_at.tzinfo is None
            or self.run_at.utcoffset() != UTC.utcoffset(None)
            or self.run_at.microsecond
        ):
            raise BadJobRun(f"run timestamp {self.run_at.isoformat()} is not in UTC with whole seconds")

    @property
    def run(self) -> str:
        """The run timestamp as it stands in the key."""
        return self.run_at.replace(tzinfo=None).isoformat().replace(":", "-") + "Z"

    @property
    def key(self) -> str:
        """The partition key."""
        return f"{self.job}|{self.run}"

    @classmethod
    def parse(cls, key: str) -> Self:
        """Read a partition key.

        Raises:
            BadJobRun: the key is not of the form; the text gives the form.
        """
        job, bar, run = key.partition("|")
        if not bar:
            raise BadJobRun(f"partition key {key!r} is not of the form {KEY_FORM}")
        try:
            run_at = datetime.strptime(run, _TIMESTAMP).replace(tzinfo=UTC)
            parsed = cls(Job.parse(job), run_at)
        except (ValueError, BadJobRun) as error:
            raise BadJobRun(f"partition key {key!r} is not of the form {KEY_FORM} ({error})") from None
        if parsed.key != key:
            raise BadJobRun(
                f"partition key {key!r} is not of the form {KEY_FORM} (it would be {parsed.key!r})"
            )
        return parsed


def parse_timestamp(text: str) -> datetime:
    """Read a run timestamp as a person types it: the key's form, ISO 8601, or a date; without a zone it is UTC.

    Raises:
        BadJobRun: it is none of these.
    """
    try:
        return datetime.strptime(text, _TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadJobRun(
            f"timestamp {text!r} is not of the form YYYY-MM-DDTHH-MM-SSZ, ISO 8601 (2026-11-22T03:00:00Z) or a date"
        ) from None
    try:
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError:
        raise BadJobRun(f"timestamp {text!r} is not in the years 1 to 9999 of UTC") from None
    return at.replace(microsecond=0)
