"""What of one job is past its retention in the bucket.

What a later run, a redrive or the delta reads is kept, however old: all of the newest run that completed each stage or delivered
anything, the newest snapshot of each state, and each receipt that this snapshot does not hold. What is in flight is the delivery's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from personalize_connectors import layout
from personalize_connectors.assets.decoration import ASSET as DECORATED
from personalize_connectors.connectors.registry import connectors
from personalize_connectors.job_run import Job
from personalize_connectors.retention import Retention
from personalize_connectors.storage import Object, Storage

# What reads a snapshot now took it for the newest a moment ago.
_YOUNG = timedelta(days=1)


@dataclass(frozen=True)
class Leftover:
    """What one run left of one kind in one folder, or the part of it that is past its retention.

    Attributes:
        kind: Of what.
        folder: The run's folder.
        run_at: The run timestamp.
        objects: What is in the folder.
    """

    kind: layout.Kind
    folder: str
    run_at: datetime
    objects: tuple[Object, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(entry.size for entry in self.objects)

    @property
    def of_all_runs(self) -> str:
        """The folder above those of the runs."""
        return self.folder.partition("/year=")[0]

    @property
    def complete(self) -> bool:
        """Whether it is a folder that was written to its end."""
        return any(entry.name == layout.SUCCESS for entry in self.objects)

    def older_than(self, age: timedelta, now: datetime) -> bool:
        """Whether all of it is."""
        return all(now - entry.modified > age for entry in self.objects)


@dataclass(frozen=True)
class Outdated:
    """What of one job is past its retention, oldest first, and the runs that are kept however old."""

    leftovers: list[Leftover]
    read_later: set[datetime]


def outdated(bucket: Storage, job: Job, retention: Retention, now: datetime) -> Outdated:
    """Find what of a job is past its retention."""
    left = _left_by_runs(bucket, job)
    states = _states(bucket, [entry for entry in left if entry.kind == "states"])
    read_later = _runs_read_later(left)
    rest = [entry for entry in left if entry.run_at not in read_later]
    found = [
        *(entry for snapshots in states.values() for entry in _old_states(snapshots, retention.states, now)),
        *_old_folders(rest, retention, now),
        *_old_receipts(rest, _unfolded(left, states), retention.receipts, now),
    ]
    return Outdated(sorted(found, key=lambda entry: (entry.run_at, entry.folder)), read_later)


def _left_by_runs(bucket: Storage, job: Job) -> list[Leftover]:
    folders: dict[tuple[layout.Kind, str], list[Object]] = defaultdict(list)
    for area in layout.LEFT_BY_RUNS:
        for entry in bucket.objects(f"{layout.job_folder(job)}/{area}"):
            if place := layout.left_by_run(job, entry.path):
                folders[place].append(entry)
    return [
        Leftover(kind, folder, run_at, tuple(objects))
        for (kind, folder), objects in folders.items()
        if (run_at := layout.run_at_of(folder))
    ]


def _runs_read_later(left: Iterable[Leftover]) -> set[datetime]:
    """The newest complete run of each stage, and the newest that delivered."""
    newest: dict[str, datetime] = {}
    for entry in left:
        above = entry.of_all_runs
        if (entry.kind == "stages" and entry.complete) or above.endswith(("/receipts", "/state")):
            newest[above] = max(newest.get(above, entry.run_at), entry.run_at)
    return set(newest.values())


@dataclass(frozen=True)
class _Snapshot:
    """A state: when it was written (empty where it is not complete), and the receipts that it holds."""

    left: Leftover
    written_at: str
    folded: frozenset[str]


def _states(bucket: Storage, left: Sequence[Leftover]) -> dict[str, list[_Snapshot]]:
    """The snapshots of each connector's state, the newest last."""
    found = defaultdict(list)
    for entry in left:
        manifest = bucket.manifest(entry.folder) or {}
        snapshot = _Snapshot(entry, manifest.get("written_at", ""), frozenset(manifest.get("folded", [])))
        found[entry.of_all_runs].append(snapshot)
    for snapshots in found.values():
        snapshots.sort(key=lambda snapshot: (snapshot.written_at, snapshot.left.folder))
    return found


def _old_states(snapshots: Sequence[_Snapshot], kept: int, now: datetime) -> Iterator[Leftover]:
    for snapshot in snapshots[:-kept]:
        if snapshot.left.older_than(_YOUNG, now):
            yield snapshot.left


def _old_folders(left: Iterable[Leftover], retention: Retention, now: datetime) -> Iterator[Leftover]:
    for entry in left:
        if entry.kind == "records" and entry.older_than(retention.partitions, now):
            yield entry
        elif entry.kind == "stages":
            # A catalog's items stay as long as an older list may name them, which is told from these stages.
            age = max(retention.stages, retention.receipts) if _has_items(entry) else retention.stages
            if entry.older_than(age, now):
                yield entry


def _has_items(entry: Leftover) -> bool:
    catalogs = tuple(f"{name}-" for name, connector in connectors().items() if connector.unit == "item")
    return entry.of_all_runs.endswith(f"/{DECORATED}") and any(
        each.name.startswith(catalogs) for each in entry.objects
    )


def _unfolded(left: Iterable[Leftover], states: Mapping[str, Sequence[_Snapshot]]) -> set[str]:
    """The receipts that their connector's newest snapshot does not hold."""
    found = set()
    for entry in left:
        if entry.of_all_runs.endswith("/receipts"):
            snapshots = states.get(entry.of_all_runs.removesuffix("receipts") + "state", [])
            folded = snapshots[-1].folded if snapshots else frozenset()
            found |= {each.path for each in entry.objects} - folded
    return found


def _old_receipts(
    left: Iterable[Leftover], unfolded: set[str], age: timedelta, now: datetime
) -> Iterator[Leftover]:
    """Receipts file by file, and dead letters with the receipts that were written with them."""
    for entry in left:
        if entry.kind == "receipts":
            old = [each for each in entry.objects if now - each.modified > age]
            gone = [each for each in old if _receipts_of(each.path) not in unfolded]
            if gone:
                yield replace(entry, objects=tuple(gone))


def _receipts_of(path: str) -> str:
    return path.replace("/dead_letters/", "/receipts/").replace(".json", ".parquet")
