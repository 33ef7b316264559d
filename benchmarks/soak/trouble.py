"""What disturbs a run, drawn from a seed: the faults that are planted in the emulator for a while, and the moment of the kill."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from personalize_connectors import layout
from personalize_connectors.assets.decoration import ASSET
from personalize_connectors.emulators.braze.faults import STRIKES
from personalize_connectors.job_run import JobRun
from personalize_connectors.storage import Storage

# They stop a run at once: now and then, or nothing else would ever happen.
_RARE = ("forbidden",)
_OFTEN = tuple(name for name in STRIKES if name not in _RARE)
_STATUSES = (400, 413, 429, 500, 503)

Faults = dict[str, Any]

CALM: Faults = {
    "reject_users": [],
    "unindexed_errors": False,
    "fail_next": None,
    "next": [],
    "chances": {},
    "slow_seconds": 0.2,
    "delay_seconds": 0.0,
}


def draw(random: Random, users: list[str]) -> Faults:
    """Faults of all kinds, many or few.

    While users are rejected nothing is answered `queued`: that says nothing of bad objects, and no client could know of them.
    """
    rejecting = random.random() < 0.3
    names = [name for name in _OFTEN if not (rejecting and name == "queued")]
    chosen = random.sample(names, random.randint(1, 5))
    total = random.choice([0.0, 0.05, 0.2, 0.5])
    following = random.choices(names, k=random.choice([0, 0, 1, 4]))
    if random.random() < 0.05:
        following.insert(random.randint(0, len(following)), random.choice(_RARE))
    return CALM | {
        "reject_users": random.sample(users, len(users) // 50) if rejecting else [],
        "reject_type": random.choice(["EMAIL_BAD_FORMAT", "'email' is not valid"]),
        "unindexed_errors": rejecting and random.random() < 0.3,
        "fail_next": {"status": random.choice(_STATUSES), "count": random.randint(1, 3)}
        if random.random() < 0.15
        else None,
        "next": following,
        "chances": {name: total / len(chosen) for name in chosen},
        "seed": random.randrange(1 << 30),
        "delay_seconds": random.choice([0.0, 0.0, 0.02, 0.1]),
    }


@dataclass(frozen=True)
class Kill:
    """When a run is killed: so many seconds after a stage of it was seen on the disk.

    Seconds after the begin alone would hit what takes long; what is short is where the danger is.
    """

    stage: str
    seconds: float

    @classmethod
    def drawn(cls, random: Random) -> Kill:
        """A moment of any stage."""
        stage, longest = random.choices(_STAGES, (2, 1, 5, 2))[0]
        return cls(stage, random.uniform(0.0, longest) * random.choice([0.1, 1.0]))

    def seen(self, bucket: Storage, run: JobRun, started: datetime) -> bool:
        """Whether the stage was reached by a run that began at a moment."""
        if self.stage == "begin":
            return True
        if self.stage == "delta":
            manifest = bucket.manifest(layout.stage(run, ASSET))
            return manifest is not None and datetime.fromisoformat(manifest["written_at"]) >= started
        kind = {"plan": "in_flight", "receipts": "receipts"}[self.stage]
        found = bucket.objects(layout.delivered_run(run, "braze", kind))
        return any(entry.modified >= started for entry in found if entry.name.endswith(".parquet"))


# The stages, and the seconds that they last at the most.
_STAGES = (("begin", 3.0), ("delta", 0.3), ("plan", 2.0), ("receipts", 0.5))
