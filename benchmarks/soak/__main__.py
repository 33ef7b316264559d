"""Runs that are disturbed and killed, and then a clean one; afterwards everything must be right, for every user.

    python -m benchmarks.soak [--runs 200] [--seed 1] [--users 1500] [--folder FOLDER]

Each run of one job delivers to the Braze emulator, in which faults of all kinds are planted meanwhile, and is killed
(SIGKILL) at a random moment of its life. The input changes between the runs, sometimes back to what it was. Two fifths of the
runs meet an emulator that applies late and in no order. Inputs, faults and the moments of the kills come from the
seed and the number of runs; where exactly a kill hits is up to the machine. Exit code 1 with the first violation.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.soak.chain import Chain, soak
from benchmarks.soak.figures import show
from benchmarks.soak.ledger import Violation

_PUNCTUAL_SHARE = 0.6


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        prog="python -m benchmarks.soak",
    )
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--users", type=int, default=1500)
    parser.add_argument("--folder", type=Path, help="Where to work, and to leave everything.")
    given = parser.parse_args()
    if given.folder:
        given.folder.mkdir(parents=True, exist_ok=True)
        sys.exit(_soak(given, given.folder.resolve()))
    with tempfile.TemporaryDirectory(prefix="personalize-connectors-soak-") as folder:
        sys.exit(_soak(given, Path(folder)))


def _soak(given: argparse.Namespace, folder: Path) -> int:
    scratch = folder / "scratch"  # what is killed leaves its temporary files
    scratch.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = str(scratch)
    started = time.monotonic()
    punctual = round(given.runs * _PUNCTUAL_SHARE)
    chains = [
        Chain("at once", punctual, given.seed, given.users, folder / "at_once"),
        Chain("late", given.runs - punctual, given.seed, given.users, folder / "late", apply_delay=2.0),
    ]
    ledgers = {}
    for chain in chains:
        try:
            ledgers[chain.name] = soak(chain)
        except Violation as violation:
            print(f"VIOLATION in run {violation.run} ({chain.name}): {violation}")
            print(f"again: --seed {given.seed} --runs {given.runs} --users {given.users}")
            return 1
    show(ledgers, time.monotonic() - started, given.seed)
    return 0


if __name__ == "__main__":
    main()
