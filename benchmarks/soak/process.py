"""One run in a process of its own, which is killed in the middle of it.

Most are forked from a server that has imported everything, and execute what the command line executes; a few are the command
line itself, with its imports.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import dagster as dg

from benchmarks.command import unheard
from personalize_connectors.allowance import Allowance
from personalize_connectors.job_run import JobRun
from personalize_connectors.runs import execute
from personalize_connectors.settings import read_settings

Numbers = dict[str, Any]

_SERVER = get_context("forkserver")
_SERVER.set_forkserver_preload(["benchmarks.soak.process"])
_ALLOWANCE = Allowance(user_drop=True, removals=True)

if __name__ == "benchmarks.soak.process":
    with dg.DagsterInstance.ephemeral():  # its late imports, once, before anything is forked
        pass


@dataclass(frozen=True)
class End:
    """How a run ended.

    Attributes:
        killed: Whether it was killed before its end.
        seconds: How long it lived.
        failures: Asset to what went wrong, of a run that was not killed.
        numbers: What `braze_sync` counted, where it got so far; of the command line nothing.
    """

    killed: bool
    seconds: float
    failures: dict[str, str] = field(default_factory=dict)
    numbers: Numbers = field(default_factory=dict)


# Waits so many seconds for the end of a process, and says whether it ended.
Ended = Callable[[float], bool]
# What goes on while a process lives; when it returns the process is killed, where it still lives.
Meanwhile = Callable[[Ended], object]


def run_forked(run: JobRun, environment: Mapping[str, str], meanwhile: Meanwhile | None = None) -> End:
    """Run it in a forked process; without anything meanwhile, to its end."""
    receiver, sender = _SERVER.Pipe(duplex=False)
    process = _SERVER.Process(target=_execute, args=(sender, run.key, dict(environment)))
    started = time.monotonic()
    with unheard():
        process.start()
    sender.close()

    def ended(seconds: float) -> bool:
        process.join(seconds)
        return not process.is_alive()

    if meanwhile:
        meanwhile(ended)
        process.kill()
    process.join()
    seconds = time.monotonic() - started
    with receiver:
        try:
            failures, numbers = receiver.recv()
        except EOFError:
            return End(killed=True, seconds=seconds)
    return End(killed=False, seconds=seconds, failures=failures, numbers=numbers)


def run_command(run: JobRun, environment: Mapping[str, str], home: Path, meanwhile: Meanwhile) -> End:
    """Run it by the command line."""
    command = [sys.executable, "-m", "personalize_connectors.cli", "run", str(run.job), "--at", run.run]
    variables = {**os.environ, **environment, "DAGSTER_HOME": str(home)}
    log, started = home / "command.log", time.monotonic()
    with (
        log.open("wb") as file,
        subprocess.Popen(
            [*command, "--allow-user-drop", "--allow-removals"],
            env=variables,
            stdout=file,
            stderr=file,
            start_new_session=True,
        ) as process,
    ):

        def ended(seconds: float) -> bool:
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
            return process.returncode is not None

        meanwhile(ended)
        process.kill()
        process.wait()
    killed = process.returncode == -signal.SIGKILL
    failures = {"run": log.read_text()[-500:]} if process.returncode and not killed else {}
    return End(killed=killed, seconds=time.monotonic() - started, failures=failures)


def _execute(sender: Connection, key: str, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    with dg.DagsterInstance.ephemeral() as instance:
        outcome = execute(instance, read_settings(), JobRun.parse(key), _ALLOWANCE)
    sender.send((outcome.failures, dict(outcome.numbers.get("braze_sync", {}))))
