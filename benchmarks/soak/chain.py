"""One chain of runs against one emulator, which lives through all of them, and the clean run at its end."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import duckdb
import urllib3

from benchmarks.soak.checks import check_folded, check_profiles, check_sent, check_state, read_state
from benchmarks.soak.ledger import Entry, Ledger, Violation
from benchmarks.soak.process import End, Ended, run_command, run_forked
from benchmarks.soak.shop import Shop, user_names
from benchmarks.soak.trouble import CALM, Kill, draw
from personalize_connectors.demo.run import emulator
from personalize_connectors.emulators.braze import RunningEmulator
from personalize_connectors.engine.session import open_session
from personalize_connectors.storage import open_storage

_COMMAND_EVERY, _PATIENT_EVERY = 40, 100
_PATIENCE = Kill("begin", 40.0)
"""Long enough for a run that hangs to give up, and go on."""
_HANGING = CALM | {"next": ["hang_applied", "hang", "hang_applied"]}
_GLANCE = 0.005


@dataclass(frozen=True)
class Chain:
    """What is to be done.

    Attributes:
        name: What it is called.
        runs: How many runs are disturbed.
        seed: Decides what happens.
        users: How many users there are.
        folder: Where it works.
        apply_delay: Seconds in which the emulator applies what it accepted, in no order.
    """

    name: str
    runs: int
    seed: int
    users: int
    folder: Path
    apply_delay: float = 0.0


def soak(chain: Chain) -> Ledger:
    """Do it.

    Raises:
        Violation: something is not as it must be.
    """
    root = chain.folder / "bucket"
    root.mkdir(parents=True)
    options = ("--apply-delay", str(chain.apply_delay), "--seed", str(chain.seed))
    with emulator(*options), urllib3.PoolManager() as http, open_session(1 << 30) as session:
        url, key = os.environ["BRAZE_REST_ENDPOINT_URL"], os.environ["BRAZE_API_KEY"]
        soaking = Soaking(chain, root, RunningEmulator(url, key, http), session)
        for number in range(1, chain.runs + 1):
            soaking.disturbed(number)
        soaking.clean(chain.runs + 1)
        soaking.ledger.struck = soaking.emulator.stats()["faults"]
        return soaking.ledger


class Soaking:
    """A chain while it goes on."""

    def __init__(
        self, chain: Chain, root: Path, running: RunningEmulator, session: duckdb.DuckDBPyConnection
    ) -> None:
        self.ledger = Ledger(open_storage(str(root)))
        self.emulator = running
        self._chain, self._root, self._session = chain, root, session
        self._random = Random(f"{chain.seed} {chain.name}")
        self._shop = Shop(self._random, user_names(chain.users))
        self._environment = {
            "CONNECTORS_ROOT": str(root),
            "BRAZE_REST_ENDPOINT_URL": running.url,
            "BRAZE_API_KEY": running.api_key,
        }

    def disturbed(self, number: int) -> None:
        """One run with faults and a kill."""
        shop, random = self._shop, self._random
        shop.next_run()
        shop.write(self._root)
        kind = "command" if number % _COMMAND_EVERY == _COMMAND_EVERY // 2 else "forked"
        first, second, kill = draw(random, shop.users), draw(random, shop.users), Kill.drawn(random)
        if number % _PATIENT_EVERY == 0:
            first, second, kill = _HANGING, _HANGING, _PATIENCE
        self.emulator.faults(**first)
        started = datetime.now(UTC)

        def disturb(ended: Ended) -> None:
            while not kill.seen(self.ledger.bucket, shop.run, started):
                if ended(_GLANCE):
                    return
            self.emulator.faults(**second)
            ended(kill.seconds)

        if kind == "command":
            end = run_command(shop.run, self._environment, self._home(), disturb)
        else:
            end = run_forked(shop.run, self._environment, disturb)
        self.emulator.faults(**CALM)
        print(_line(self._book(number, started, end), kind, kill), flush=True)

    def clean(self, number: int) -> None:
        """The run at the end, which nothing disturbs, and the same once more, which finds nothing to send."""
        self._shop.last_run()
        self._shop.write(self._root)
        for again in (0, 1):
            requests = self.emulator.stats()["requests"]
            started = datetime.now(UTC)
            end = run_forked(self._shop.run, self._environment)
            if end.killed or end.failures:
                raise Violation(number + again, f"the clean run failed: {end}")
            entry = self._book(number + again, started, end)
            print(_line(entry, "clean", None), flush=True)
            if again and self.emulator.stats()["requests"] != requests:
                raise Violation(number + again, "the same run once more sent something")
            profiles, state = self.emulator.profiles(), read_state(self._session, self.ledger)
            check_profiles(number + again, self._shop, profiles, state)
            check_folded(number + again, state, self.ledger)
        check_sent(self.ledger)

    def _book(self, number: int, started: datetime, end: End) -> Entry:
        """Take down a run once all that it sent is applied, and check what must hold after each."""
        self._settle()
        entry = self.ledger.book(number, self._shop, started, end, self.emulator.objects())
        check_state(number, read_state(self._session, self.ledger), self.emulator.profiles(), self.ledger)
        return entry

    def _settle(self) -> None:
        """Wait until the emulator has read what a killed process left in its sockets, and let it apply everything.

        Without it a request of this run could be applied after one of the next: between requests that are some seconds apart or
        less Braze keeps no order, and no client can do anything about it.
        """
        before = -1
        while (now := self.emulator.stats()["requests"]) != before:
            before = now
            time.sleep(0.05)
        self.emulator.flush()

    def _home(self) -> Path:
        home = self._chain.folder / "dagster"
        home.mkdir(exist_ok=True)
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        return home


def _line(entry: Entry, kind: str, kill: Kill | None) -> str:
    end = entry.end
    when = f" ({kill.seconds:.3f} s after its {kill.stage})" if kill and end.killed else ""
    how = f"{'killed' if end.killed else 'ended'} at {end.seconds:.2f} s{when}"
    failures = f", failed: {next(iter(end.failures.values()))[:80]}" if end.failures else ""
    return (
        f"{entry.number:>4} {entry.run.run} {kind:<8} {how} {entry.phase}: {len(entry.planned)} planned, "
        f"{sum(entry.applied.values())} applied{failures}"
    )
