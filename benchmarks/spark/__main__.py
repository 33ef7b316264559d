"""The stages of a first run and of a normal day (5 % changed) on one machine, and on one and two Spark workers.

    python -m benchmarks.spark [--users N ...] [--items N] [--length N] [--keep FOLDER]

Needs the extra `spark`, Java 17, and a processor for each worker: each has one to itself, with an executor and its Python. One machine
uses all processors. Each day is a whole run in a process of its own up to the decorated records and the state, through Spark Connect
where it runs on Spark; nothing is delivered. Shuffled bytes are those that Spark wrote for others, compressed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests
from rich.console import Console
from rich.table import Table

from benchmarks.command import arguments, count, folder, require_spark, run, say
from benchmarks.pipeline.inputs import Size, fresh_bucket, inputs_of
from benchmarks.pipeline.packages import OURS
from personalize_connectors_tests.spark.local_cluster import Size as Processes
from personalize_connectors_tests.spark.local_cluster import connect_server, local_cluster

_DAYS = ("first", "normal")
_WORKERS = (1, 2)
_SECONDS = 30


@dataclass(frozen=True)
class Day:
    """A day's run.

    Attributes:
        seconds: Of Dagster's run.
        shuffled: Bytes; none on one machine.
    """

    seconds: float
    shuffled: int = 0


def main() -> None:
    """The command."""
    parser = arguments("benchmarks.spark", __doc__)
    parser.add_argument("--users", type=count, nargs="+", default=[1_000_000, 5_000_000])
    parser.add_argument("--items", type=count, default=100_000)
    parser.add_argument("--length", type=count, default=25, help="items in a list")
    parser.add_argument(
        "--keep", type=folder, metavar="FOLDER", help="keep the inputs there, and use them again"
    )
    run(parser, compare)


def compare(given: argparse.Namespace) -> None:
    """Measure every size on one machine and on Spark, and show it."""
    require_spark("spark")
    console = Console(width=None if os.isatty(1) else 110)
    for users in given.users:
        size = Size(users, given.items, given.length)
        with inputs_of(given.keep, size) as inputs:
            found = {"one machine": _days(inputs, f"{size}, one machine", {})}
            for workers in _WORKERS:
                found[f"Spark, {workers}"] = _on_spark(inputs, f"{size}, {workers} on Spark", workers)
        console.print(_table(size, found))


def _on_spark(inputs: Path, what: str, workers: int) -> dict[str, Day]:
    processes = Processes(workers, cores=1, pinned=True, daemon="2g", executor="2g", java="-XX:+UseSerialGC")
    say(f"{what}: the cluster starts")
    with (
        tempfile.TemporaryDirectory() as scratch,
        local_cluster(Path(scratch), size=processes) as cluster,
        connect_server(cluster) as server,
    ):
        environment = {"CONNECTORS_ENGINE": "spark", "SPARK_REMOTE": server.address}
        return _days(inputs, what, environment, server.web)


def _days(inputs: Path, what: str, environment: Mapping[str, str], web: str = "") -> dict[str, Day]:
    """The days one after the other in a bucket of their own."""
    with tempfile.TemporaryDirectory() as scratch:
        root, found, before = Path(scratch) / "bucket", {}, 0
        fresh_bucket(inputs, root)
        for day in _DAYS:
            say(f"{what}: {day} run")
            seconds = _seconds(root, day, environment)
            after = _shuffled(web) if web else 0
            found[day] = Day(seconds, after - before)
            before = after
        return found


def _seconds(root: Path, day: str, environment: Mapping[str, str]) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.pipeline.stage", day, "whole"],
        check=False,
        capture_output=True,
        text=True,
        cwd=OURS.folder,
        env={**OURS.environment(root), **environment},
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return float(json.loads(done.stdout.splitlines()[-1])["seconds"])


def _shuffled(web: str) -> int:
    """The bytes that all stages wrote for others until now, as Spark's own web server tells."""
    api = f"{web}/api/v1/applications"
    (application,) = requests.get(api, timeout=_SECONDS).json()
    stages = requests.get(f"{api}/{application['id']}/stages", timeout=_SECONDS).json()
    return sum(stage["shuffleWriteBytes"] for stage in stages)


def _table(size: Size, found: Mapping[str, Mapping[str, Day]]) -> Table:
    table = Table(title=str(size), title_justify="left")
    table.add_column()
    for name in found:
        table.add_column(name, justify="right")
    for day in _DAYS:
        table.add_row(f"{day} run, seconds", *(f"{days[day].seconds:.1f}" for days in found.values()))
        per_user = [days[day].shuffled / size.users for days in found.values()]
        table.add_row(f"{day} run, shuffled bytes/user", *(f"{shuffled:.0f}" for shuffled in per_user))
    return table


if __name__ == "__main__":
    main()
