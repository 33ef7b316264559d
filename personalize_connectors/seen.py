"""What the sensor remembers between two ticks: its cursor, kept small, for Dagster stores it with every tick."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from personalize_connectors.errors import BadJobRun
from personalize_connectors.job_run import Job

_FORMAT = 1
_MARK_BYTES = 6
_MARK = _MARK_BYTES * 4 // 3


@dataclass(frozen=True)
class Seen:
    """What is known of one job's sources.

    Attributes:
        place: Mark of the folder that was looked into.
        until: The youngest source that a run was requested for.
        sources: Marks of the newest sources that were there, each with its version.
        first: Name of the folder from which on the next look lists; empty where names do not sort in time order.
    """

    place: str
    until: datetime
    sources: frozenset[str]
    first: str = ""


@dataclass(frozen=True)
class Cursor:
    """The sensor's memory.

    Attributes:
        jobs: What is known of each job that a run was requested for.
        tick: Number of the tick; it decides which jobs are looked at as a whole.
        begin: The job that the next tick begins with, where this one was cut short.
        problems: Mark of the config problems that were reported last; None where nothing was reported yet.
    """

    jobs: Mapping[Job, Seen] = field(default_factory=dict)
    tick: int = 0
    begin: str = ""
    problems: str | None = None

    def text(self) -> str:
        """As it is stored."""
        jobs = {
            str(job): [seen.place, int(seen.until.timestamp()), "".join(sorted(seen.sources)), seen.first]
            for job, seen in sorted(self.jobs.items())
        }
        rest = {"tick": self.tick, "begin": self.begin, "problems": self.problems}
        return json.dumps({"format": _FORMAT, **rest, "jobs": jobs}, separators=(",", ":"))


def read_cursor(text: str | None) -> Cursor | None:
    """The cursor as it was stored; None where there is none, or none that can be read."""
    try:
        stored = json.loads(text or "")
        if stored["format"] != _FORMAT:
            return None
        jobs = {Job.parse(name): _seen(entry) for name, entry in stored["jobs"].items()}
        problems = stored["problems"]
        return Cursor(jobs, int(stored["tick"]), str(stored["begin"]), problems and str(problems))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError, BadJobRun):
        return None


def mark(*parts: str) -> str:
    """A short digest of texts."""
    digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=_MARK_BYTES)
    return base64.urlsafe_b64encode(digest.digest()).decode()


def _seen(entry: Any) -> Seen:
    place, until, marks, first = entry
    sources = frozenset(marks[start : start + _MARK] for start in range(0, len(marks), _MARK))
    return Seen(str(place), datetime.fromtimestamp(until, UTC), sources, str(first))
