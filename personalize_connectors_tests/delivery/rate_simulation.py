"""A sender and a destination in virtual time: the limiter against the emulator's windows, with no second of waiting."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import partial

from personalize_connectors.connectors.rate_headers import read_quota, read_retry_after
from personalize_connectors.connectors.settings import RateWindow
from personalize_connectors.delivery.limiter import RateLimiter
from personalize_connectors.emulators.braze import presets, rates
from personalize_connectors_tests.emulators.calls import Clock

BEGIN = 1_800_000_000.25
"""Shortly after the begin of an hour."""


@dataclass(frozen=True)
class Simulation:
    """Who sends what.

    Attributes:
        windows: Of the destination: requests and seconds.
        configured: What the limiter knows of them; by default all.
        workers: Requests that can be in flight at a time.
        latency: Seconds to the destination, and the same back: from, to.
        skew: Seconds that the destination's clock is ahead of ours.
        others: Requests a second that somebody else sends, at random moments.
        dialect: Of the headers on an answer.
        dated: Whether answers have a date.
        seed: Of latencies and jitter.
    """

    windows: tuple[tuple[int, int], ...]
    configured: tuple[tuple[int, int], ...] | None = None
    workers: int = 32
    latency: tuple[float, float] = (0.002, 0.01)
    skew: float = 0.0
    others: float = 0.0
    dialect: str = "epoch"
    dated: bool = False
    seed: int = 0


@dataclass
class Seen:
    """What the destination saw from its begin on: the moment of each request, all by its own clock."""

    begin: float
    taken: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    taken_of_others: list[float] = field(default_factory=list)

    def share_reached(self, limit: int, seconds: int) -> float:
        """Of the limit, in the windows that were seen from begin to end."""
        used = Counter(int(moment // seconds) for moment in self.taken + self.taken_of_others)
        whole = sorted(used)[1:-1]
        return sum(used[window] for window in whole) / (len(whole) * limit)

    def share_refused(self, since: float = 0.0) -> float:
        """Of our requests, from so many seconds after the begin."""
        taken, refused = (
            sum(moment >= self.begin + since for moment in moments) for moments in (self.taken, self.refused)
        )
        return refused / (taken + refused)


def simulate(what: Simulation, seconds: float) -> Seen:
    """Send as much as the limiter admits for so many seconds."""
    world = _World(what)
    for _ in range(what.workers):
        world.ask()
    if what.others:
        world.send_another()
    while world.agenda[0][0] < BEGIN + seconds:
        world.clock.now, _, act = heapq.heappop(world.agenda)
        act()
    return world.seen


class _World:
    """What will happen, and all that it happens to."""

    def __init__(self, what: Simulation) -> None:
        self.what = what
        self.clock = Clock(BEGIN)
        self.seen = Seen(BEGIN + what.skew)
        self.draw = random.Random(what.seed)
        windows = tuple(presets.RateWindow(*window) for window in what.windows)
        self.destination = rates.RateLimiter(windows, what.dialect, None, lambda: self.clock.now + what.skew)
        configured = what.windows if what.configured is None else what.configured
        self.limiter = RateLimiter(
            [RateWindow(requests=requests, seconds=seconds) for requests, seconds in configured],
            self.clock,
            self.draw.random,
        )
        self.agenda: list[tuple[float, int, Callable[[], None]]] = []
        self.order = itertools.count()

    def later(self, delay: float, act: Callable[[], None]) -> None:
        heapq.heappush(self.agenda, (self.clock.now + delay, next(self.order), act))

    def ask(self) -> None:
        if wait := self.limiter.admit():
            self.later(wait, self.ask)
        else:
            self.later(self.draw.uniform(*self.what.latency), self.arrive)

    def arrive(self) -> None:
        refusal, told = self.destination.admit()
        moment = self.clock.now + self.what.skew
        (self.seen.refused if refusal else self.seen.taken).append(moment)
        headers = {name.lower(): text for name, text in (refusal.headers if refusal else told)}
        if self.what.dated:
            headers["date"] = formatdate(int(moment), usegmt=True)
        hear = self.hear_refusal if refusal else self.hear
        self.later(self.draw.uniform(*self.what.latency), partial(hear, headers))

    def hear(self, headers: dict[str, str]) -> None:
        self.limiter.answered(read_quota(headers, self.clock.now))
        self.ask()

    def hear_refusal(self, headers: dict[str, str]) -> None:
        self.limiter.refused(read_retry_after(headers), read_quota(headers, self.clock.now))
        self.ask()

    def send_another(self) -> None:
        if self.destination.admit()[0] is None:
            self.seen.taken_of_others.append(self.clock.now + self.what.skew)
        self.later(self.draw.expovariate(self.what.others), self.send_another)
