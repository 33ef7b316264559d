"""Runs that are disturbed and killed, and then a clean one; afterwards everything must be right, for every user.

    python -m benchmarks.soak [--runs 200] [--seed 1] [--users 1500] [--folder FOLDER]

Each run of one job delivers to the Braze emulator, in which faults of all kinds are planted meanwhile, and is killed
(SIGKILL) at a random moment of its life. The input changes between the runs, sometimes back to what it was. Two fifths of the
runs meet an emulator that applies late and in no order. Inputs, faults and the moments of the kills come from the
seed and the number of runs; where exactly a kill hits is up to the machine. Exit code 1 with the first violation.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.command import arguments, count, folder, run
from benchmarks.soak.chain import Chain, soak
from benchmarks.soak.figures import show
from benchmarks.soak.ledger import Violation
from personalize_connectors.errors import BadSettings

_PUNCTUAL_SHARE = 0.6


def main() -> None:
    """The command."""
    parser = arguments("benchmarks.soak", __doc__)
    parser.add_argument("--runs", type=count, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--users", type=count, default=1500)
    parser.add_argument("--folder", type=folder, help="where to work, and to leave the buckets; an empty one")
    run(parser, soak_all)


def soak_all(given: argparse.Namespace) -> int:
    """Soak both chains; 1 with the first violation."""
    place = given.folder or Path(tempfile.mkdtemp())
    if any(place.iterdir()):
        raise BadSettings(f"--folder {place} is not empty: a soak begins with nothing")
    started = time.monotonic()
    punctual = round(given.runs * _PUNCTUAL_SHARE)
    chains = [
        Chain("at once", punctual, given.seed, given.users, place / "at_once"),
        Chain("late", given.runs - punctual, given.seed, given.users, place / "late", apply_delay=2.0),
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
