"""How much memory a run takes at the most, by its limit: many users, and a mapping that is anything but even.

    python -m benchmarks.pipeline.memory [--users N] [--items N] [--limits SIZE ...] [--skewed N] [--keep FOLDER]

Each first run is a process of its own under `CONNECTORS_MEMORY_LIMIT`; peak is what the process had in memory, all of it included.
Ends with 1 where a peak is above its limit.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console

from benchmarks.delivery.figures import table
from benchmarks.pipeline.inputs import Size, fresh_bucket, inputs_of
from benchmarks.pipeline.packages import OURS
from benchmarks.pipeline.show import size_text
from benchmarks.pipeline.skewed import MOST_ITEMS, write_skewed
from personalize_connectors.settings import read_settings

_LIMITS = ("4GiB", "1.5GiB")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.pipeline.memory",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--users", type=int, default=10_000_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--limits", nargs="+", default=_LIMITS, help="CONNECTORS_MEMORY_LIMIT of each run")
    parser.add_argument("--skewed", type=int, default=2_000_000, help="users of one item in the mapping")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the inputs, and use them again")
    given = parser.parse_args()
    size = Size(given.users, given.items, 25)
    with ExitStack() as stack:
        folder = given.keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="personalize-connectors-bench-"))
        )
        inputs = inputs_of(folder, size)
        skewed = stack.enter_context(_skewed(folder, given.skewed))
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
    sys.exit(int(any(row[-1] for row in rows)))


@contextmanager
def _skewed(folder: Path, users: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="skewed-", dir=folder) as name:
        write_skewed(Path(name), users)
        yield Path(name)


def _row(name: str, inputs: Path, run: str, limit: str) -> tuple[str, str, str, str, str]:
    """Run it once with a bucket of its own."""
    os.environ["CONNECTORS_MEMORY_LIMIT"] = limit
    with tempfile.TemporaryDirectory(prefix="bucket-", dir=inputs.parent) as root:
        bucket = Path(root) / "bucket"
        if run == "skewed":
            shutil.copytree(inputs, bucket, copy_function=os.link)
        else:
            fresh_bucket(inputs, bucket)
        found = OURS.figures(bucket, "stage", run, "whole")
    above = found["peak"] > read_settings().memory_limit
    return name, limit, f"{found['seconds']:.1f}", size_text(found["peak"]), "ABOVE" if above else ""


if __name__ == "__main__":
    main()
