"""Which sources of a job are new: what the sensor finds out about one job in one tick.

A job that is seen for the first time gets one run, of its newest complete source; what is older is left to a backfill. From
then on every source that appears or changes gets a run, from the `LOOK_BACK` sources before the last requested one on.

Where the folders' names sort in time order, a look lists from the oldest of these on, and nothing before it. What sorts before
all the same (another name, or one without a time) is found when the job is looked at as a whole, every `WHOLE_EVERY` ticks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.seen import Seen, mark
from personalize_connectors.sources import (
    Place,
    Source,
    is_ahead,
    newest,
    newest_sources,
    no_output,
    oddities,
    sources_from,
    stamp,
)

LOOK_BACK = 5
WHOLE_EVERY = 20
_MOST_OBJECTS = 100_000

# Why a source is not complete, in words; None where it is.
Incomplete = Callable[[Source], str | None]


@dataclass(frozen=True)
class Wanted:
    """A run to request.

    Attributes:
        run: The job run.
        version: Of the source's objects.
        uri: Of the source.
        delivers: Whether it is the job's newest; an older one is run up to what would be delivered, for the record.
    """

    run: JobRun
    version: str
    uri: str
    delivers: bool

    @property
    def key(self) -> str:
        """What is requested once and never again."""
        return f"{self.run.key}:{self.version}"


@dataclass(frozen=True)
class Look:
    """What one look at a job found.

    Attributes:
        wanted: Runs to request, oldest first.
        waiting: What is not complete yet or not as it should be, in words.
        place: Mark of the folder that was looked into.
        before: What was known; None where the job is new or looks into another folder than before.
        until: The youngest source that a run was requested for, wherever it was.
        found: Run timestamp and mark of the sources that were looked at.
        first: Name of the folder from which on the next look lists.
    """

    job: Job
    wanted: tuple[Wanted, ...]
    waiting: tuple[str, ...]
    place: str
    before: Seen | None
    until: datetime | None
    found: tuple[tuple[datetime, str], ...]
    first: str

    def seen(self, dealt_with: Collection[Wanted]) -> Seen | None:
        """What is known after some of the wanted runs were dealt with; None where the job is still new."""
        times = {wanted.run.run_at for wanted in dealt_with}
        until = max(times | ({self.until} if self.until else set()), default=None)
        if until is None or not (times or self.before):
            return None
        known = self.before.sources if self.before else {name for at, name in self.found if at <= max(times)}
        marks = frozenset(name for at, name in self.found if at in times or name in known)
        return Seen(self.place, until, marks, self.first)


def look_at(
    job: Job,
    place: Place,
    settle: timedelta,
    seen: Seen | None,
    now: datetime,
    incomplete: Incomplete,
    *,
    whole: bool = False,
) -> Look:
    """Look at a job's newest sources; as a `whole` also at what sorts before them.

    A source with a time that is to come is left out, and what is known of a job is forgotten where it ends with one: all
    that comes after would be older.
    """
    if seen and is_ahead(seen.until, now):
        seen = None
    here = mark(place.storage.url, place.folder)
    before = seen if seen and seen.place == here else None
    looked_at = _newest(place, before, whole=whole)
    # Of two at one time a run reads the last.
    by_time = {source.at: source for source in looked_at if not is_ahead(source.at, now)}
    found = list(by_time.values())
    marks = {source.at: mark(source.folder, source.version) for source in found}
    if before:
        complete, waiting = _new(found, marks, before, incomplete)
    else:
        complete, waiting = _first(found, settle, now, incomplete)
    waiting += oddities(looked_at, now)
    if not before and not looked_at:
        waiting.append(no_output(place))
    until = seen.until if seen else None
    wanted = tuple(
        Wanted(
            run=JobRun(job, source.at),
            version=source.version,
            uri=source.uri,
            delivers=source is complete[-1] and (until is None or source.at >= until),
        )
        for source in complete
    )
    first = _first_name(place, before, looked_at)
    return Look(job, wanted, tuple(waiting), here, before, until, tuple(marks.items()), first)


def _newest(place: Place, before: Seen | None, *, whole: bool) -> list[Source]:
    """The sources in question; once it is known where to begin, none that is older."""
    if (
        not before
    ):  # the newest ones may be incomplete, and those before them are not to be new in the next look
        return newest_sources(place, 2 * LOOK_BACK, most=_MOST_OBJECTS)
    if whole or not before.first:
        found = newest_sources(place, LOOK_BACK, since=before.until, most=_MOST_OBJECTS)
    else:
        first = f"{place.folder}/{before.first}" if place.folder else before.first
        found = newest(sources_from(place, first, _MOST_OBJECTS), LOOK_BACK, before.until)
    oldest = stamp(before.first)
    return [source for source in found if oldest is None or source.at >= oldest]


def _first_name(place: Place, before: Seen | None, found: Sequence[Source]) -> str:
    """Where the next look begins, if all of the names have their time and sort by it."""
    if not found and before:
        return before.first
    names = [source.folder.rpartition("/")[2] for source in found if source.folder != place.folder]
    in_order = names == sorted(names) and all(stamp(source.folder) == source.at for source in found)
    return names[0] if names and in_order else ""


def settles(settle: timedelta, now: datetime) -> Incomplete:
    """Complete is what nothing has changed in for a while."""

    def incomplete(source: Source) -> str | None:
        left = settle - (now - source.changed)
        if left <= timedelta(0):
            return None
        return f"{source.uri} settles in {left.total_seconds():,.0f} s"

    return incomplete


def _new(
    found: Sequence[Source], marks: dict[datetime, str], before: Seen, incomplete: Incomplete
) -> tuple[list[Source], list[str]]:
    new = [source for source in found if marks[source.at] not in before.sources]
    why = {source.at: incomplete(source) for source in new}
    complete = [source for source in new if why[source.at] is None]
    return complete, [text for text in why.values() if text]


def _first(
    found: Sequence[Source], settle: timedelta, now: datetime, incomplete: Incomplete
) -> tuple[list[Source], list[str]]:
    """The newest complete source; none while several are being written, as when old outputs are copied to a new place."""
    settling = [text for source in found if (text := settles(settle, now)(source))]
    if len(settling) > 1:
        return [], settling
    waiting: list[str] = []
    for source in reversed(found):
        if (why := incomplete(source)) is None:
            return [source], waiting
        waiting.append(why)
    return [], waiting
