"""Where the time of a first, a quiet and a normal day goes.

    python -m benchmarks.pipeline.profile [--users N] [--items N] [--length N] [--keep FOLDER]

For each day two tables: where the main thread was, by the clock, with how many processors were busy meanwhile; and what each kind
of thread used of the processors. Threads are `gather` (row groups, and ids into a dictionary where they are text), `encode` and `read` (Parquet), `match`, `compress` and
`write` (records), those of DuckDB and Arrow, and the main thread, which reads lines and, for DuckDB, whatever Python gives it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.command import arguments, count, folder, run, say
from benchmarks.delivery.figures import table
from benchmarks.pipeline.inputs import DAYS, Size, fresh_bucket, inputs_of
from benchmarks.pipeline.measure import STAGES
from benchmarks.pipeline.packages import OURS

# Seconds that are worth a line.
_LEAST = 0.1


def main() -> None:
    """The command."""
    parser = arguments("benchmarks.pipeline.profile", __doc__)
    parser.add_argument("--users", type=count, default=1_000_000)
    parser.add_argument("--items", type=count, default=100_000)
    parser.add_argument("--length", type=count, default=25, help="items in a list")
    parser.add_argument(
        "--keep", type=folder, metavar="FOLDER", help="keep the inputs there, and use them again"
    )
    run(parser, show)


def show(given: argparse.Namespace) -> None:
    """Look at the three days, and show each."""
    size = Size(given.users, given.items, given.length, "zstd")
    console = Console(width=None if os.isatty(1) else 150)
    with inputs_of(given.keep, size) as inputs, tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "bucket"
        fresh_bucket(inputs, root)
        for day in DAYS:
            say(f"{size}: {day} run")
            found = OURS.figures(root, "sampled", day)
            console.print(place_table(day, found["places"]), thread_table(day, found["threads"]))


def place_table(day: str, places: list[list[Any]]) -> Table:
    """Each stage, and below it where its main thread was, longest first."""
    rows = []
    for stage in STAGES:
        found = sorted((entry[1:] for entry in places if entry[0] == stage), key=lambda entry: -entry[1])
        long = [entry for entry in found if entry[1] >= _LEAST]
        rows.append(_row(stage, found))
        rows += [_row(f"    {entry[0]}", [entry]) for entry in long]
        rows.append(_row("    elsewhere, each shorter", found[len(long) :]))
    total = sum(entry[2] for entry in places)
    columns = ["stage, and function of the package", "seconds", "processors busy"]
    return table(f"{day} day: where the main thread was, {total:.1f} s", columns, rows)


def _row(name: str, entries: list[list[Any]]) -> list[str]:
    clock, processor = (sum(entry[number] for entry in entries) for number in (1, 2))
    return [name, f"{clock:.2f}", f"{processor / clock:.1f}" if clock else ""]


def thread_table(day: str, threads: list[list[Any]]) -> Table:
    """What each kind of thread used of the processors in each stage."""
    used = {(stage, name): seconds for stage, name, seconds in threads}
    names = sorted(
        {name for _, name in used}, key=lambda name: -sum(used.get((stage, name), 0) for stage in STAGES)
    )
    shown = [name for name in names if sum(used.get((stage, name), 0) for stage in STAGES) >= _LEAST]
    rows = [[name, *(f"{used.get((stage, name), 0):.1f}" for stage in STAGES)] for name in shown]
    return table(f"{day} day: seconds of a processor, {sum(used.values()):.1f} s", ["threads", *STAGES], rows)


if __name__ == "__main__":
    main()
