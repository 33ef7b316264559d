"""What goes wrong on purpose; emulator only, nothing of Braze's but the words of its answers."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from personalize_connectors.emulators.braze.answers import Headers
from personalize_connectors.emulators.braze.validation import BLACKLISTED

FaultName = Literal[
    "server_error",
    "bad_gateway",
    "unavailable",
    "gateway_timeout",
    "gateway_timeout_applied",
    "throttled",
    "forbidden",
    "queued",
    "slow",
    "hang",
    "hang_applied",
    "reset",
    "reset_applied",
    "truncated",
]


class Strike(NamedTuple):
    """One fault that strikes one call.

    Attributes:
        name: what it is counted as.
        how: what becomes of the answer.
        applied: whether the call is processed like any other before.
        status: of an ``answer`` in place of Braze's.
        text: likewise.
        headers: likewise.
    """

    name: str
    how: Literal["answer", "throttled", "queued", "slow", "hang", "reset", "truncated"]
    applied: bool = False
    status: int = 0
    text: str = ""
    headers: Headers = ()


_STRIKES = (
    # The statuses are documented (1.6), the texts assumed; that an error can come after the effect is plain.
    Strike("server_error", "answer", status=500, text="Internal Server Error"),
    Strike("bad_gateway", "answer", status=502, text="Bad Gateway"),
    Strike("unavailable", "answer", status=503, text="Service Unavailable"),
    Strike("gateway_timeout", "answer", status=504, text="Gateway Timeout"),
    Strike("gateway_timeout_applied", "answer", applied=True, status=504, text="Gateway Timeout"),
    Strike("throttled", "throttled"),
    Strike("forbidden", "answer", status=403, text="Access Denied"),  # a missing scope (documented, 1.6)
    Strike("queued", "queued", applied=True),  # maintenance (documented, 1.6)
    Strike("slow", "slow", applied=True),
    Strike("hang", "hang"),
    Strike("hang_applied", "hang", applied=True),
    Strike("reset", "reset"),
    Strike("reset_applied", "reset", applied=True),
    Strike("truncated", "truncated", applied=True),
)
STRIKES: dict[str, Strike] = {strike.name: strike for strike in _STRIKES}

Chance = Annotated[float, Field(ge=0.0, le=1.0)]


class FailNext(BaseModel):
    """The next ``count`` calls to the API are answered with ``status`` and do nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: int = Field(ge=400, le=599)
    count: int = Field(default=1, ge=1)
    headers: dict[str, str] = Field(default_factory=dict)


class Faults(BaseModel):
    """The faults that are planted now.

    Attributes:
        reject_users: external ids whose objects are rejected.
        reject_type: the ``type`` they are rejected with.
        revoked_keys: keys that are not valid any more.
        echo_keys: whether the answer to such a key repeats it, as careless gateways do.
        unindexed_errors: errors do not say which object they are about.
        fail_next: calls to fail as a whole.
        next: faults that strike the next calls, one each.
        chances: how likely each fault strikes any call.
        seed: decides which calls the chances strike: the same calls in the same order, the same faults.
        slow_seconds: how long ``slow`` holds an answer back.
        delay_seconds: how long every answer is held back, after the request was applied.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    reject_users: frozenset[str] = frozenset()
    reject_type: str = BLACKLISTED
    revoked_keys: frozenset[str] = Field(default=frozenset(), repr=False)
    echo_keys: bool = False
    unindexed_errors: bool = False
    fail_next: FailNext | None = None
    next: tuple[FaultName, ...] = ()
    chances: dict[FaultName, Chance] = Field(default_factory=dict)
    seed: int = 0
    slow_seconds: float = Field(default=0.5, ge=0.0)
    delay_seconds: float = Field(default=0.0, ge=0.0)

    @model_validator(mode="after")
    def _chances_fit(self) -> Self:
        if sum(self.chances.values()) > 1.0:
            raise ValueError("the chances add up to more than 1")
        return self

    def changed(self, given: Mapping[str, object]) -> Faults:
        """These faults with the given ones in place of theirs; a pydantic ``ValidationError`` says what is wrong."""
        return Faults.model_validate({**self.model_dump(), **given})


class FaultPlan:
    """Which fault strikes which call: first those for the next calls, then those by chance."""

    def __init__(self) -> None:
        self.faults = Faults()
        self._next: deque[Strike] = deque()
        self._failures: deque[Strike] = deque()
        self._chances: list[tuple[float, Strike]] = []
        self._random = random.Random(0)  # noqa: S311 - made-up faults, the same for the same seed

    def plant(self, given: Mapping[str, object]) -> None:
        """Change the faults that are given and leave the others."""
        self.faults = faults = self.faults.changed(given)
        if "fail_next" in given:
            self._failures = deque(_failures(faults.fail_next))
        if "next" in given:
            self._next = deque(STRIKES[name] for name in faults.next)
        if "chances" in given or "seed" in given:
            self._random.seed(faults.seed)
            self._chances = [(chance, STRIKES[name]) for name, chance in faults.chances.items()]

    def strike(self) -> Strike | None:
        """The fault of this call."""
        if self._failures:
            return self._failures.popleft()
        if self._next:
            return self._next.popleft()
        if not self._chances:
            return None
        drawn = self._random.random()
        for chance, strike in self._chances:
            drawn -= chance
            if drawn < 0:
                return strike
        return None


def _failures(planted: FailNext | None) -> list[Strike]:
    if planted is None:
        return []
    headers = tuple(planted.headers.items())
    strike = Strike(
        "fail_next", "answer", status=planted.status, text="Planted by the emulator", headers=headers
    )
    return [strike] * planted.count
