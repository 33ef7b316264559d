"""What is wrong with the jobs of a bucket, without running them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from personalize_connectors import layout
from personalize_connectors.connectors.registry import connectors
from personalize_connectors.credentials import find_destination
from personalize_connectors.errors import (
    BadInput,
    BadSettings,
    ConnectorsError,
    DestinationUnavailable,
    NotFound,
)
from personalize_connectors.inputs import bad_input_lines, item_metadata
from personalize_connectors.job_config import JobConfig
from personalize_connectors.job_run import Job
from personalize_connectors.jobs import job_folders, read_config
from personalize_connectors.notifications.channels import channels
from personalize_connectors.sources import no_output, oddities, place_of, sources
from personalize_connectors.storage import Storage
from personalize_connectors.storage_errors import STORAGE_ERRORS, storage_error_text

_MOST_JOBS = 5


@dataclass(frozen=True)
class Finding:
    """One thing about a job (or the bucket): an `error` stops its runs, a `warning` does not."""

    subject: str
    level: Literal["ok", "warning", "error"]
    text: str


def validate(bucket: Storage, job: Job | None = None) -> Iterator[Finding]:
    """Findings on one job or on all; the attributes of all jobs are compared in any case."""
    known, misnamed = job_folders(bucket)
    if job and job not in known:
        read_config(bucket, job)  # says what is there
    configs: dict[Job, JobConfig] = {}
    for each in known:
        try:
            configs[each] = read_config(bucket, each)
        except (ConnectorsError, *STORAGE_ERRORS) as error:
            if job in (None, each):
                yield Finding(str(each), "error", _words(error))
            continue
        if job in (None, each):
            yield from _inputs(bucket, each, configs[each])
    if job is None:
        yield from _beside_the_jobs(bucket, known, misnamed)
    for jobs, name, shared in _collisions(configs):
        if job is None or job in jobs:
            yield Finding(str(job or jobs[0]), "warning", _both_write(job, jobs, name, shared))


def _beside_the_jobs(bucket: Storage, known: Sequence[Job], misnamed: Sequence[str]) -> Iterator[Finding]:
    for text in misnamed:
        yield Finding(layout.JOBS, "warning", text)
    if not known:
        yield Finding(
            bucket.uri(layout.JOBS),
            "warning",
            "there is no job yet; make one: personalize-connectors new-job",
        )
    for channel in channels(os.environ):
        if channel.wrong:
            yield Finding("notifications", "warning", f"{channel.name}: {channel.wrong}")


def _inputs(bucket: Storage, job: Job, config: JobConfig) -> Iterator[Finding]:
    subject = str(job)
    try:
        found = sources(bucket, config)
        bad = bad_input_lines(bucket, job)
        items = len(item_metadata(bucket, job).lines)
    except (NotFound, BadInput, *STORAGE_ERRORS) as error:
        yield Finding(subject, "error", _words(error))
        return
    for text in oddities(found, datetime.now(UTC)):
        yield Finding(subject, "warning", text)
    for row in bad[:5]:
        yield Finding(
            subject,
            "warning",
            f"{row['input']} {row['file']} line {row['line']}: {row['reason']}: {row['text']!r:.100}",
        )
    if len(bad) > 5:  # noqa: PLR2004 - enough for a person
        yield Finding(subject, "warning", f"{len(bad):,} lines of the inputs cannot be used in all")
    if not found:
        yield Finding(subject, "warning", no_output(place_of(bucket, config)))
    for name in config.connectors:
        try:
            find_destination(connectors()[name], os.environ)
        except (BadSettings, DestinationUnavailable) as error:
            yield Finding(subject, "warning", str(error))
    newest = f"the newest of {found[-1].at.isoformat()}" if found else "none to run"
    yield Finding(
        subject,
        "ok",
        f"config.json is right; {items:,} items with metadata; {len(found)} batch outputs, {newest}",
    )


def _words(error: Exception) -> str:
    return storage_error_text(error) if isinstance(error, STORAGE_ERRORS) else str(error)


def _collisions(configs: dict[Job, JobConfig]) -> list[tuple[tuple[Job, ...], str, list[str]]]:
    """The jobs that write the same attributes of a connector, all that share the same ones together."""
    writers: dict[tuple[str, str], list[Job]] = {}
    for job, config in configs.items():
        for name, settings in config.connectors.items():
            for attribute in sorted(connectors()[name].attributes(settings)):
                writers.setdefault((name, attribute), []).append(job)
    shared: dict[tuple[tuple[Job, ...], str], list[str]] = {}
    for (name, attribute), jobs in writers.items():
        if len(jobs) > 1:
            shared.setdefault((tuple(jobs), name), []).append(attribute)
    return [(jobs, name, attributes) for (jobs, name), attributes in shared.items()]


def _both_write(job: Job | None, jobs: Sequence[Job], name: str, shared: Sequence[str]) -> str:
    """One sentence on jobs that write the same, with some of their names, first the one that is asked about."""
    names = [str(one) for one in sorted(jobs, key=lambda one: one != job)]
    if len(names) > _MOST_JOBS:
        names = [*names[: _MOST_JOBS - 1], f"{len(names) - _MOST_JOBS + 1:,} other jobs"]
    *others, last = names
    both = "both" if len(jobs) == 2 else "all"  # noqa: PLR2004 - of English
    return f"{', '.join(others)} and {last} {both} write {', '.join(shared)} of {name}; the one that runs last wins"
