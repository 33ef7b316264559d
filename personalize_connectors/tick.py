"""One tick of the sensor, without Dagster: a look at every job, and the runs to request."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from personalize_connectors.all_configs import Configs, Configured, read_configs
from personalize_connectors.batch_jobs import BatchJobs
from personalize_connectors.discovery import WHOLE_EVERY, Incomplete, Look, Wanted, look_at, settles
from personalize_connectors.errors import ConnectorsError
from personalize_connectors.job_run import Job
from personalize_connectors.jobs import job_folders
from personalize_connectors.requests_once import Turn, turn
from personalize_connectors.seen import Cursor, Seen, mark
from personalize_connectors.side_by_side import SideBySide, side_by_side
from personalize_connectors.storage import Storage
from personalize_connectors.storage_errors import STORAGE_ERRORS, storage_error_text


@dataclass(frozen=True)
class Limits:
    """What one tick may take; Dagster gives it 60 s.

    Attributes:
        looking: Seconds for looking at the jobs.
        requesting: Seconds after that for requesting runs.
        runs: How many of them.
        at_once: How many requests to the storage wait at the same time.
    """

    looking: float = 20
    requesting: float = 10
    runs: int = 50
    at_once: int = 32


@dataclass(frozen=True)
class Tick:
    """What one tick found.

    Attributes:
        requests: Runs to request, those of each job oldest first.
        cursor: For the next tick.
        problems: What is wrong with configs, one line for each problem; None where not all of them could be read.
        texts: What else a person should know.
        jobs: How many jobs there are.
    """

    requests: tuple[Wanted, ...]
    cursor: Cursor
    problems: list[str] | None
    texts: list[str]
    jobs: int


def look_around(
    bucket: Storage,
    cursor: Cursor,
    has_run: Callable[[Wanted], bool],
    now: datetime,
    limits: Limits = Limits(),
    clock: Callable[[], float] = time.monotonic,
) -> Tick:
    """Look at all jobs, beginning where the tick before was cut short; `has_run` knows the runs of this Dagster."""
    started = clock()
    with side_by_side(limits.at_once, clock) as threads:
        known, misnamed = job_folders(bucket)
        order = _beginning_with(known, cursor.begin)
        configs = read_configs(bucket, order, threads, started + limits.looking)
        whole = set(known[cursor.tick % WHOLE_EVERY :: WHOLE_EVERY])
        looks = _looks(configs, cursor, whole, now, threads, started + limits.looking)
        found = [look for job in order if isinstance(look := looks.get(job), Look)]
        chosen = [wanted for look in found for wanted in look.wanted][: limits.runs]
        turns = _turns(bucket, chosen, has_run, now, threads, clock() + limits.requesting)
    tick = _tick(order, cursor, configs, looks, turns)
    return replace(tick, texts=[*tick.texts, *misnamed])


def _tick(
    order: Sequence[Job],
    cursor: Cursor,
    configs: Configs,
    looks: Mapping[Job, Look | str],
    turns: Mapping[Wanted, Turn],
) -> Tick:
    """What was found, and what is left to the next tick."""
    found = {job: look for job, look in looks.items() if isinstance(look, Look)}
    troubles = {job: look for job, look in looks.items() if isinstance(look, str)} | dict(configs.troubles)
    looked_at = {*looks, *configs.problems, *configs.missing, *configs.troubles}
    left = [job for job in order if job not in looked_at]
    later = [job for job in found if any(wanted not in turns for wanted in found[job].wanted)]
    problems = None if left or configs.troubles else configs.problem_lines
    return Tick(
        requests=tuple(wanted for wanted, whose in turns.items() if whose is Turn.OURS),
        cursor=Cursor(
            jobs=_seen(order, cursor, found, turns),
            tick=cursor.tick + 1,
            begin=next((str(job) for job in order if job in left or job in later), ""),
            problems=cursor.problems if problems is None else mark(*problems) if problems else "",
        ),
        problems=problems,
        texts=[*_texts(found.values(), turns, troubles, configs.missing), *_left_over(left, later)],
        jobs=len(order),
    )


def _beginning_with(known: list[Job], first: str) -> list[Job]:
    place = next((place for place, job in enumerate(known) if str(job) == first), 0)
    return [*known[place:], *known[:place]]


def _looks(
    configs: Configs, cursor: Cursor, whole: set[Job], now: datetime, threads: SideBySide, deadline: float
) -> dict[Job, Look | str]:
    """A look at each job with a config, or why there is none."""
    batch_jobs = {segments: BatchJobs(segments) for segments in (False, True)}

    def look(job: Job) -> Look | str:
        there, settle = configs.usable[job], timedelta(seconds=configs.usable[job].config.top.settleSeconds)
        incomplete = completeness(there, now, batch_jobs[job.job_type == "user_segmentation"])
        try:
            return look_at(
                job, there.place, settle, cursor.jobs.get(job), now, incomplete, whole=job in whole
            )
        except ConnectorsError as error:
            return str(error)
        except STORAGE_ERRORS as error:
            return storage_error_text(error)

    return threads.until(deadline, look, configs.usable)


def completeness(there: Configured, now: datetime, batch_jobs: BatchJobs) -> Incomplete:
    """How a job's sources are told complete."""
    if there.config.top.personalizeAccess:
        return batch_jobs.incomplete
    return settles(timedelta(seconds=there.config.top.settleSeconds), now)


def _turns(
    bucket: Storage,
    chosen: Sequence[Wanted],
    has_run: Callable[[Wanted], bool],
    now: datetime,
    threads: SideBySide,
    deadline: float,
) -> dict[Wanted, Turn]:
    """Whose turn each wanted run is, where that could be told."""

    def take(wanted: Wanted) -> Turn | None:
        try:
            return turn(bucket, wanted, now)
        except STORAGE_ERRORS:
            return None

    done = {wanted: Turn.DONE for wanted in chosen if has_run(wanted)}
    taken = threads.until(deadline, take, [wanted for wanted in chosen if wanted not in done])
    return done | {wanted: whose for wanted, whose in taken.items() if whose}


def _seen(
    order: Sequence[Job], cursor: Cursor, looks: Mapping[Job, Look], turns: Mapping[Wanted, Turn]
) -> dict[Job, Seen]:
    dealt_with = {wanted for wanted, whose in turns.items() if whose is not Turn.WAIT}
    seen = {job: look.seen(dealt_with.intersection(look.wanted)) for job, look in looks.items()}
    return {job: known for job in order if (known := seen.get(job) or cursor.jobs.get(job))}


def _texts(
    looks: Iterable[Look], turns: Mapping[Wanted, Turn], troubles: Mapping[Job, str], missing: Sequence[Job]
) -> list[str]:
    return [
        *(f"{job}: {text}" for job, text in sorted(troubles.items())),
        *(f"{look.job}: {text}" for look in looks for text in look.waiting),
        *(f"{wanted.run.key} {whose.value}" for wanted, whose in turns.items() if whose is Turn.WAIT),
        *(f"{job}: waits for its config.json" for job in sorted(missing)),
    ]


def _left_over(left: Sequence[Job], later: Sequence[Job]) -> list[str]:
    texts = []
    if left:
        texts.append(f"the time was up: {len(left)} jobs are looked at in the next tick, first {left[0]}")
    if later:
        texts.append(f"more runs of {len(later)} jobs are requested in the next tick")
    return texts
