"""How fast the delivery engine is, in three parts (all of them, unless some are named).

emulator   our engine with the Braze connector, rendering included, against the Braze emulator without a limit
clients    our engine, with bodies that were rendered before, and other HTTP clients, in turns
limit      which share of a rate limit our engine reaches, and how many requests are over it

Clients run on one processor and servers on another, each in a process of its own. Figures are medians of the rounds, with
the lowest and the highest; `us` are microseconds of a processor per request, `busy` is the share of the processor.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.console import Console

from benchmarks.command import arguments, duration, run
from benchmarks.delivery.against_clients import against_clients
from benchmarks.delivery.against_emulator import against_emulator
from benchmarks.delivery.at_limit import at_limit
from benchmarks.delivery.figures import Target
from benchmarks.delivery.processes import pinned

_PARTS = ("emulator", "clients", "limit")


def main() -> None:
    """The command."""
    parser = arguments("benchmarks.delivery", __doc__)
    parser.add_argument("parts", nargs="*", type=part, metavar="PART", help=f"some of {', '.join(_PARTS)}")
    parser.add_argument("--seconds", type=duration, default=3.0, help="of a client in a round; 3 by default")
    parser.add_argument(
        "--quick", action="store_true", help="3 rounds instead of 7, and 5 s at a limit, not 15"
    )
    parser.add_argument("--check", action="store_true", help="exit with 1 where a target does not hold")
    run(parser, check)


def part(text: str) -> str:
    """An argument that names a part."""
    if text not in _PARTS:
        raise argparse.ArgumentTypeError(f"there is no part {text}; there are {', '.join(_PARTS)}")
    return text


def check(given: argparse.Namespace) -> int:
    """Measure what is asked for; 1 where a target does not hold that must."""
    rounds, at_limit_seconds = (3, 5.0) if given.quick else (7, 15.0)
    targets = measure(given.parts or _PARTS, given.seconds, rounds, at_limit_seconds)
    return int(given.check and not all(target.holds for target in targets))


def measure(parts: Sequence[str], seconds: float, rounds: int, at_limit_seconds: float) -> list[Target]:
    """Show the figures of these parts, and which of their targets hold."""
    console, targets = Console(width=110), list[Target]()
    if not pinned():
        console.print("There are no two processors to choose: clients and servers take each other's time.")
    if "emulator" in parts:
        console.print(against_emulator(seconds, rounds))
    if "clients" in parts:
        tables, held = against_clients(seconds, rounds)
        console.print(*tables)
        targets += held
    if "limit" in parts:
        shown, held = at_limit(at_limit_seconds)
        console.print(shown)
        targets += held
    for target in targets:
        console.print(f"{'holds' if target.holds else 'MISSED'}   {target.text}")
    return targets


if __name__ == "__main__":
    main()
