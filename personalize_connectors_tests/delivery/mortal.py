"""A process that can die at any moment, for tests: its disk, and a Braze in memory that it sends to."""

from __future__ import annotations

import time
from collections import deque
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import orjson

from personalize_connectors.connectors.exchange import Answer
from personalize_connectors.delivery.client import NoAnswer
from personalize_connectors.emulators.braze import BrazeEmulatorSettings
from personalize_connectors.emulators.braze.faults import STRIKES
from personalize_connectors.emulators.braze.profiles import profile_json
from personalize_connectors.emulators.braze.workspace import Workspace
from personalize_connectors.layout import SUCCESS
from personalize_connectors.storage import Storage

# Faults of the connection and the server, by the emulator's names; those of the rate limit would have to be waited for.
CONNECTION_FAULTS = tuple(name for name, strike in STRIKES.items() if strike.how not in ("throttled", "slow"))
_REFUSALS = {"too_large": (413, "Request body too large"), "bad_request": (400, "Something is wrong with it")}
FAULTS = (*CONNECTION_FAULTS, *_REFUSALS, "unindexed", "refused_after_reset")


class Died(Exception):
    """The process is no more: nothing that it still does has an effect."""


@dataclass
class Life:
    """How many more things a process does that others can see; without a number it lives."""

    left: int | None = None

    def spend(self) -> None:
        """Do one thing more."""
        if self.left == 0:
            raise Died
        if self.left:
            self.left -= 1


@dataclass(frozen=True)
class Disk(Storage):
    """A bucket that takes nothing from a process that died; whatever is written, is written whole or not at all."""

    life: Life = field(default_factory=Life)

    def write(self, path, content):
        """Put one object."""
        self.life.spend()
        super().write(path, content)

    def create(self, path, content):
        """Put one object only if there is none."""
        self.life.spend()
        return super().create(path, content)

    @contextmanager
    def writer(self, path):
        """Takes bytes; they become the object at the end."""
        with super().writer(path) as sink:
            yield sink
            self.life.spend()

    def remove(self, path):
        """Remove one object."""
        self.life.spend()
        super().remove(path)

    def clear(self, folder):
        """Remove a folder, its manifest first."""
        paths = [found.path for found in self.objects(folder)]
        for path in sorted(paths, key=lambda path: not path.endswith(SUCCESS)):
            self.remove(path)


class Braze:
    """A workspace in memory: the emulator's, without the wire, where each request meets the next fault that is planted.

    Attributes:
        refused: Users whose objects are rejected.
        requests: How many were sent.
    """

    def __init__(self):
        self.refused = set()
        self.requests = 0
        self._workspace = Workspace(BrazeEmulatorSettings(), time.time)
        self._faults = deque()
        self._life = Life()

    def meet(self, life, faults=()):
        """Begin with another process, and with these faults for its requests."""
        self._life, self._faults = life, deque(faults)

    def profiles(self):
        """User to attributes."""
        return orjson.loads(profile_json(dict(self._workspace.store.profiles())))

    def applied(self):
        """User to how many objects were applied."""
        return dict(self._workspace.store.objects())

    @asynccontextmanager
    async def connect(self, *_):
        """A client of this workspace."""
        yield self

    async def send(self, destination, call, body):
        """Answer a request, or do to it what its fault does; the process may die before it is sent, or before the answer."""
        del destination, call
        self._life.spend()
        self.requests += 1
        fault = self._faults.popleft() if self._faults else ""
        answer = self._answer(fault, body)
        self._life.spend()
        return answer

    def _answer(self, fault, body):
        strike = STRIKES.get(fault)
        if fault in _REFUSALS:
            return _message(*_REFUSALS[fault])
        if strike and not strike.applied:
            return _struck(strike)
        self._workspace.plant({"reject_users": self.refused, "unindexed_errors": fault == "unindexed"})
        request = orjson.loads(body)
        found = self._workspace.tracker.track(request, body)
        if fault == "refused_after_reset":
            self.refused.add(request["attributes"][0]["external_id"])
            return NoAnswer("none", sent=True)
        # What is queued says nothing of its bad objects, and no client could know of them.
        if not strike or (fault == "queued" and self.refused):
            return Answer(found.status, {}, found.body)
        return _message(202, "queued") if fault == "queued" else _struck(strike)


def _struck(strike):
    return _message(strike.status, strike.text) if strike.status else NoAnswer("none", sent=True)


def _message(status, text):
    return Answer(status, {}, orjson.dumps({"message": text}))
