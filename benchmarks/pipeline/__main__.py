"""How fast the pipeline is, and how large, on three days: the first run, a quiet day (nobody changed), a normal day (5 % changed).

    python -m benchmarks.pipeline [--users N ...] [--items N ...] [--length N ...] [--rounds N]
        [--compression none|gzip|zstd] [--compare COMMIT] [--spark] [--keep FOLDER]

A whole run is made in one process, which is what the ratios are of, and then each stage in one of its own. Nothing is delivered: between
decorating and the state, receipts are written as if the destination had accepted everything; that is not timed. The floor of a day is
the time to read its input and to push its output's text through the same compressor to the same disk. With several rounds, figures
are medians. CONNECTORS_MEMORY_LIMIT bounds the engine as in any run.
"""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from itertools import product

from rich.console import Console

from benchmarks.command import arguments, count, folder, require_spark, run
from benchmarks.pipeline.inputs import DAYS, Size, inputs_of
from benchmarks.pipeline.measure import Measured, measure_round
from benchmarks.pipeline.packages import OURS, Package, other_package
from benchmarks.pipeline.show import day_table, target_table, targets


def main() -> None:
    """The command."""
    parser = arguments("benchmarks.pipeline", __doc__)
    parser.add_argument("--users", type=count, nargs="+", default=[100_000])
    parser.add_argument("--items", type=count, nargs="+", default=[10_000])
    parser.add_argument("--length", type=count, nargs="+", default=[25], help="items in a list")
    parser.add_argument("--rounds", type=count, default=1)
    parser.add_argument("--compression", choices=("none", "gzip", "zstd"), default="zstd", help="of records")
    parser.add_argument("--compare", metavar="COMMIT", help="measure the package of another commit as well")
    parser.add_argument("--spark", action="store_true", help="run the same job in plain PySpark as well")
    parser.add_argument(
        "--keep", type=folder, metavar="FOLDER", help="keep the inputs there, and use them again"
    )
    run(parser, compare)


def compare(given: argparse.Namespace) -> None:
    """Measure every size that is asked for, and show it."""
    if given.spark:
        require_spark("benchmark")
    sizes = [Size(*numbers, given.compression) for numbers in product(given.users, given.items, given.length)]
    console = Console(width=None if os.isatty(1) else 150)
    with ExitStack() as stack:
        packages = [OURS, *([stack.enter_context(other_package(given.compare))] if given.compare else [])]
        found = [_measure(size, packages, given, console) for size in sizes]
    console.print(target_table(targets(found)))


def _measure(size: Size, packages: list[Package], given: argparse.Namespace, console: Console) -> Measured:
    """Measure one size, and show it."""
    measured = Measured(size)
    with inputs_of(given.keep, size) as inputs:
        for _ in range(given.rounds):
            measure_round(measured, inputs, packages, spark=given.spark)
    console.print(*(day_table(measured, day, [package.name for package in packages]) for day in DAYS))
    return measured


if __name__ == "__main__":
    main()
