"""What the soak's job reads, as it changes from run to run, and what the profiles should hold of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Literal

import orjson

from personalize_connectors import layout
from personalize_connectors.job_run import Job, JobRun

JOB = Job("user_personalization", "soak")
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_ITEMS = [f"item-{number:02}" for number in range(40)]
_LONGEST = 5
_USER = "user-"
_BATCH = "batch/soak"

Attributes = dict[str, Any]


@dataclass(frozen=True)
class Config:
    """What of config.json changes between runs; the first four change what the profiles hold."""

    payload: Literal["objects", "ids"] = "objects"
    prefix: str = "soak_"
    source: str = ""
    missing: Literal["keep", "unset"] = "unset"
    concurrent: int = 4
    records: int = 25

    @property
    def attribute(self) -> str:
        """The attribute that the items are written to."""
        return f"{self.prefix}items"

    @property
    def others(self) -> Attributes:
        """The constants on every user."""
        return {"soak_source": self.source} if self.source else {}

    def changed(self, random: Random) -> Config:
        """One thing is otherwise, perhaps as it was before."""
        changes: list[Attributes] = [
            {"payload": random.choice(["objects", "ids"])},
            {"prefix": random.choice(["soak_", "other_"])},
            {"source": random.choice(["", "x", "y"])},
            {"missing": random.choice(["keep", "unset"])},
            {"concurrent": random.choice([2, 4, 8]), "records": random.choice([10, 25, 75])},
        ]
        return replace(self, **random.choice(changes))


def user_names(users: int) -> list[str]:
    """So many users."""
    return [f"{_USER}{number:05}" for number in range(users)]


@dataclass
class Shop:
    """The input of one run.

    Attributes:
        random: Decides what changes.
        users: All there can be.
        lists: Which of the three lists each user gets whom the output names.
        errors: Who has only an error in the output.
        prices: What the items cost.
        config: What stands in config.json.
        run: The run that reads it.
        lingering: Users by attributes that no removal takes away, for they were written under another config.
    """

    random: Random
    users: list[str]
    lists: dict[str, int] = field(default_factory=dict)
    errors: set[str] = field(default_factory=set)
    prices: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_ITEMS, 1))
    config: Config = field(default_factory=Config)
    run: JobRun = field(default_factory=lambda: JobRun(JOB, _BEGIN))
    lingering: dict[str, set[str]] = field(default_factory=dict)
    _written: dict[str, set[str]] = field(default_factory=dict)

    def next_run(self) -> None:
        """A newer output, the same once more, or another in its place; only the first is a run of its own."""
        random, kind = self.random, self.random.random()
        if kind < 0.7 or not self.lists:
            self.run = JobRun(JOB, self.run.run_at + timedelta(hours=1))
        if kind < 0.9 or not self.lists:
            self._turn_over(random.choice([0.0, 0.02, 0.2, 0.6]))
        if random.random() < 0.3:
            self.prices |= dict.fromkeys(random.sample(_ITEMS, random.choice([1, 5])), random.choice([1, 2]))
        if random.random() < 0.2:
            self.config = self.config.changed(random)
        self._remember()

    def last_run(self) -> None:
        """The same output, in a run of its own."""
        self.run = JobRun(JOB, self.run.run_at + timedelta(hours=1))
        self._remember()

    def wanted(self, user: str) -> Attributes:
        """What the profile of a user should hold."""
        items = self._items(user)
        documents = [
            {"name": f"Name of {item}", "price": self.prices[item], "itemId": item} for item in items
        ]
        shape = documents if self.config.payload == "objects" else items
        return {self.config.attribute: shape, **self.config.others}

    def write(self, root: Path) -> None:
        """Write it into a bucket."""
        config = self.config
        block = {
            "payload": config.payload,
            "attributePrefix": config.prefix,
            "otherAttributes": config.others,
            "missingUsers": config.missing,
            "concurrentRequests": config.concurrent,
            "recordsPerRequest": config.records,
            "maxRemovalShare": 1.0,
        }
        content = {"batchInferencePath": _BATCH, "maxErrorShare": 0.5, "maxUserDrop": 1.0}
        metadata = [
            {"id": item, "name": f"Name of {item}", "price": price} for item, price in self.prices.items()
        ]
        lines: list[Any] = [
            {"input": {"userId": user}, "output": {"recommendedItems": self._items(user)}, "error": None}
            for user in self.lists
        ]
        lines += [{"input": {"userId": user}, "output": None, "error": "made up"} for user in self.errors]
        batch = f"{_BATCH}/{self.run.run_at:%Y_%m_%d_%H_%M_%S}/users.json.out"
        _write(
            root / layout.config_file(JOB), json.dumps({**content, "connectors": {"braze": block}}).encode()
        )
        _write(root / layout.metadata_folder(JOB) / "items.json", _json_lines(metadata))
        _write(root / batch, _json_lines(lines))

    def _items(self, user: str) -> list[str]:
        first = int(user.removeprefix(_USER)) + 11 * self.lists[user]
        return [_ITEMS[(first + place) % len(_ITEMS)] for place in range(_LONGEST)]

    def _turn_over(self, share: float) -> None:
        """So many users get another of their three lists; some leave, some come, some have an error."""
        random = self.random
        if not self.lists:
            self.lists = dict.fromkeys(random.sample(self.users, len(self.users) * 4 // 5), 0)
        for user in random.sample(list(self.lists), int(share * len(self.lists))):
            self.lists[user] = random.randrange(3)
        few = len(self.users) // 50
        for user in random.sample(list(self.lists), random.choice([0, few])):
            del self.lists[user]
        absent = [user for user in self.users if user not in self.lists]
        for user in random.sample(absent, min(len(absent), random.choice([0, few]))):
            self.lists[user] = random.randrange(3)
        absent = [user for user in self.users if user not in self.lists]
        self.errors = set(random.sample(absent, min(len(absent), few)))

    def _remember(self) -> None:
        attribute = self.config.attribute
        for user in self.users:
            written = self._written.setdefault(user, set())
            if user in self.lists:
                written.add(attribute)
            elif self.config.missing == "unset":
                self.lingering.setdefault(user, set()).update(written - {attribute})


def _json_lines(rows: list[Any]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def _write(place: Path, content: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
