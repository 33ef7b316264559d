"""What happened in each run: what was to be sent, what the emulator applied, and what the receipts say."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from benchmarks.soak.process import End
from benchmarks.soak.shop import JOB, Attributes, Config, Shop
from personalize_connectors import layout
from personalize_connectors.assets.decoration import ASSET
from personalize_connectors.engine.delta import REMOVED
from personalize_connectors.folders import Folder
from personalize_connectors.job_run import JobRun
from personalize_connectors.storage import Storage

_KILLED = "the delivery was killed"

Row = dict[str, Any]


class Violation(Exception):
    """Something that must never be; `run` is the number of the run in which it came about."""

    def __init__(self, run: int, text: str) -> None:
        super().__init__(text)
        self.run = run


@dataclass
class Entry:
    """One run.

    Attributes:
        number: Its number in the soak.
        run: The job run.
        config: Its config.
        end: How it ended.
        phase: How far it got.
        planned: User to the fingerprint that was to be sent, as far as it got.
        applied: User to how often the emulator applied something of this run.
        deliveries: The names of its deliveries.
        receipts: User to the receipts, also those that a later run wrote for it.
    """

    number: int
    run: JobRun
    config: Config
    end: End
    phase: str
    planned: dict[str, bytes]
    applied: dict[str, int]
    deliveries: set[str]
    receipts: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def owned(self, user: str) -> bool:
        """Whether the receipts say that a record may have been sent more than once."""
        return any(
            row["attempt"] > 1 or "." in row["request"] or row["status"] == "unknown"
            for row in self.receipts[user]
        )

    def uncertain(self, user: str) -> bool:
        """Whether a record was sent and never answered."""
        return any(row["status"] == "unknown" for row in self.receipts[user])

    def in_flight_at_the_kill(self) -> int:
        """Records that were sent and not answered when the process was killed."""
        return sum(
            _KILLED in row["text"]
            for rows in self.receipts.values()
            for row in rows
            if row["status"] == "unknown"
        )


@dataclass
class Ledger:
    """All runs until now.

    Attributes:
        bucket: Where the runs work.
        entries: The runs.
        stands_for: User and fingerprint to the attributes that it stands for.
        struck: Fault to how often it struck.
    """

    bucket: Storage
    entries: list[Entry] = field(default_factory=list)
    stands_for: dict[tuple[str, bytes], Attributes] = field(default_factory=dict)
    struck: dict[str, int] = field(default_factory=dict)
    _objects: dict[str, int] = field(default_factory=dict)
    _files: set[str] = field(default_factory=set)
    _run_of: dict[str, Entry] = field(default_factory=dict)

    def book(self, number: int, shop: Shop, started: datetime, end: End, objects: dict[str, int]) -> Entry:
        """Take down a run that began at a moment, with the number of objects that were ever applied to each user."""
        planned, phase = self._planned(number, shop, started)
        applied = {user: count - self._objects.get(user, 0) for user, count in objects.items()}
        entry = Entry(
            number=number,
            run=shop.run,
            config=shop.config,
            end=end,
            phase=phase,
            planned=planned,
            applied={user: count for user, count in applied.items() if count},
            deliveries=self._names("in_flight") | self._names("receipts"),
        )
        entry.deliveries -= self._run_of.keys()
        self._run_of |= dict.fromkeys(entry.deliveries, entry)
        self.entries.append(entry)
        self._objects = objects
        self._read_receipts()
        return entry

    def last_words(self) -> dict[str, Row]:
        """User to what was accepted last, or sent without an answer, by the receipts alone."""
        rows = [row for entry in self.entries for found in entry.receipts.values() for row in found]
        known = [row for row in rows if row["status"] != "rejected"]
        return {row["user_id"]: row for row in sorted(known, key=itemgetter("answered_at"))}

    def _planned(self, number: int, shop: Shop, started: datetime) -> tuple[dict[str, bytes], str]:
        path = layout.stage(shop.run, ASSET)
        manifest = self.bucket.manifest(path)
        if manifest is None or datetime.fromisoformat(manifest["written_at"]) < started:
            return {}, "before the delta was written"
        rows = Folder(self.bucket, path, manifest).scan("braze").to_table(columns=["user_id", "fingerprint"])
        planned = dict(zip(rows["user_id"].to_pylist(), rows["fingerprint"].to_pylist(), strict=True))
        for user, digest in planned.items():
            if digest != REMOVED:
                wanted = shop.wanted(user)
                if self.stands_for.setdefault((user, digest), wanted) != wanted:
                    raise Violation(
                        number, f"{user}: two different records have the fingerprint {digest.hex()}"
                    )
        state = self.bucket.manifest(layout.delivered_run(shop.run, "braze", "state"))
        if state and datetime.fromisoformat(state["written_at"]) >= started:
            return planned, "after the state was written"
        in_flight = self.bucket.objects(layout.delivered(JOB, "braze", "in_flight"))
        return planned, "with requests in flight" if in_flight else "around the delivery"

    def _names(self, kind: str) -> set[str]:
        """The deliveries that left something of a kind."""
        place = {"receipts": 1, "in_flight": 0}[kind]
        found = self.bucket.objects(layout.delivered(JOB, "braze", kind))
        return {entry.name.split(".")[0].split("-")[place] for entry in found}

    def _read_receipts(self) -> None:
        found = [entry.path for entry in self.bucket.objects(layout.delivered(JOB, "braze", "receipts"))]
        new = [path for path in found if path not in self._files]
        self._files.update(new)
        if new:
            for row in self.bucket.dataset(new).to_table().to_pylist():
                self._run_of[row["delivery"]].receipts[row["user_id"]].append(row)
