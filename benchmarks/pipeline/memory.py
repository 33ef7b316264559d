"""How much memory a run takes at the most, by its limit: many users, and a mapping that is anything but even.

    python -m benchmarks.pipeline.memory [--users N] [--items N] [--limits SIZE ...] [--skewed N] [--keep FOLDER]

Each first run is a process of its own under `CONNECTORS_MEMORY_LIMIT`; peak is what the process had in memory, all of it included.
Ends with 1 where a peak is above its limit.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from benchmarks.command import arguments, count, folder, run, say
from benchmarks.delivery.figures import table
from benchmarks.pipeline.inputs import Size, fresh_bucket, inputs_of
from benchmarks.pipeline.packages import OURS
from benchmarks.pipeline.show import size_text
from benchmarks.pipeline.skewed import MOST_ITEMS, write_skewed
from personalize_connectors.settings import read_settings

_LIMITS = ("4GiB", "1.5GiB")


def main() -> None:
    """The command."""
    parser = arguments("benchmarks.pipeline.memory", __doc__)
    parser.add_argument("--users", type=count, default=10_000_000)
    parser.add_argument("--items", type=count, default=100_000)
    parser.add_argument("--limits", nargs="+", default=_LIMITS, help="CONNECTORS_MEMORY_LIMIT of each run")
    parser.add_argument("--skewed", type=count, default=2_000_000, help="users of one item in the mapping")
    parser.add_argument("--keep", type=folder, metavar="FOLDER", help="keep the inputs, and use them again")
    run(parser, measure)


def measure(given: argparse.Namespace) -> int:
    """Run everything under each limit; 1 where a peak is above it."""
    size = Size(given.users, given.items, 25)
    for limit in given.limits:
        _under(limit)
    with inputs_of(given.keep, size) as inputs, _skewed(given.skewed) as skewed:
        what = {
            str(size): (inputs, "first"),
            f"one item mapped to {given.skewed:,} users, one user to {MOST_ITEMS:,} items": (
                skewed,
                "skewed",
            ),
        }
        rows = [_row(name, *found, limit) for name, found in what.items() for limit in given.limits]
    title = "First runs by their limit; receipts in place of a delivery"
    Console(width=None if os.isatty(1) else 150).print(
        table(title, ("run", "limit", "seconds", "peak memory", ""), rows)
    )
    return int(any(row[-1] for row in rows))


def _under(limit: str) -> int:
    """The bytes of a limit, which is then the one of all processes."""
    os.environ["CONNECTORS_MEMORY_LIMIT"] = limit
    return read_settings().memory_limit


@contextmanager
def _skewed(users: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        say(f"one item mapped to {users:,} users: inputs")
        write_skewed(Path(name), users)
        yield Path(name)


def _row(name: str, inputs: Path, day: str, limit: str) -> tuple[str, str, str, str, str]:
    """Run it once with a bucket of its own."""
    say(f"{name}: first run within {limit}")
    most = _under(limit)
    with tempfile.TemporaryDirectory() as root:
        bucket = Path(root) / "bucket"
        if day == "skewed":
            shutil.copytree(inputs, bucket, copy_function=os.link)
        else:
            fresh_bucket(inputs, bucket)
        found = OURS.figures(bucket, "stage", day, "whole")
    above = found["peak"] > most
    return name, limit, f"{found['seconds']:.1f}", size_text(found["peak"]), "ABOVE" if above else ""


if __name__ == "__main__":
    main()
