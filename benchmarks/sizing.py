"""What so many users come to, in one run or in so many jobs: bytes, requests and time, by arithmetic from what was measured.

    python -m benchmarks.sizing [--users N] [--changed SHARE] [--contract NAME] [--hourly N] [--cores N]
    python -m benchmarks.sizing --jobs N [--users N] [--changed SHARE] [--at-once N] [--sensor-seconds N]

Nothing is run. The figures are of 25 of 100,000 items x 6 fields, and of user ids of 36 characters; docs/scale.md says where each is from.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from math import ceil

from rich.console import Console

from benchmarks.command import arguments as command_arguments
from benchmarks.command import count
from benchmarks.delivery.figures import table
from personalize_connectors.connectors.braze.settings import CONTRACTS
from personalize_connectors.retention import Retention

# Pairs are for each user of a run, and for each user to send. In the bucket, bytes:
BYTES = {
    "batch output": (688, 0),
    "batch_inference_raw": (111, 0),
    "user_recommendations": (110, 0),
    "decorated_recommendations": (0, 91),
    "decorated records": (0, 514),
    "receipts": (0, 37),
    "state": (37, 0),
}
_STAGES = ("batch_inference_raw", "user_recommendations", "decorated_recommendations")
# Bytes of body and data points for each user to send, and a processor's seconds for a request:
PAYLOADS = {"objects": (5_877, 175, 1.825e-3), "ids": (402, 1, 0.55e-3)}
# Seconds of one machine of two processors, for what Spark takes over and for the state, which stays; bytes shuffled on Spark:
PROCESSORS, ENGINE, STATE, SHUFFLED = 2, (3.14e-6, 1.46e-6), (0.66e-6, 0), (70, 0)
# A run of few users by the command; requests to S3 of a run, and for each user; bytes of Dagster's history of a run:
RUN_SECONDS, S3_A_RUN, S3_A_USER, HISTORY = 2.0, 206, 1e-3, 145e3
# Jobs that the sensor looks at in a second, requests to S3 for each; the longest look of a tick in seconds, and the runs it requests:
LOOKS_A_SECOND, S3_A_LOOK, LOOKING, RUNS_A_TICK = 84, 2.07, 20, 50

Rows = Iterator[list[str]]


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = command_arguments("benchmarks.sizing", __doc__)
    parser.add_argument("--users", type=count, default=100_000_000)
    parser.add_argument(
        "--changed", type=share, default=0.05, help="share of users to send on a normal day, from 0 to 1"
    )
    parser.add_argument("--contract", choices=CONTRACTS, default="points-2026", help="with Braze")
    parser.add_argument("--hourly", type=count, help="requests an hour, where the contract says that")
    parser.add_argument("--cores", type=count, default=64, help="of a Spark cluster")
    parser.add_argument("--jobs", type=count, help="jobs that the users are in, each with a run a day")
    parser.add_argument("--at-once", type=count, default=8, help="runs at once, each with a processor")
    parser.add_argument("--sensor-seconds", type=count, default=30, help="CONNECTORS_SENSOR_SECONDS")
    given = parser.parse_args(arguments)
    if not CONTRACTS[given.contract].windows and not given.hourly:
        parser.error(f"--contract {given.contract} has its own limit for each customer: --hourly says which")
    console = Console(width=110)
    if given.jobs:
        title = f"{given.jobs:,} jobs of {given.users / given.jobs:,.0f} users, each with a run a day"
        console.print(table(title, ("", ""), _jobs(given)))
        return
    days = {"first day": 1, "quiet day": 0, f"{given.changed:.0%} changed": given.changed}
    title = f"{given.users:,} users in one run"
    console.print(table(title, ("", *days), _one_run(given, list(days.values()))))
    console.print(table("What housekeeping keeps", ("", ""), _kept(given)))


def _one_run(given: argparse.Namespace, days: list[float]) -> Rows:
    def row(name: str, figures: tuple[float, float], unit: str = "number") -> list[str]:
        return [name, *(_TEXTS[unit](given.users * _at(figures, changed)) for changed in days)]

    limits, both = CONTRACTS[given.contract], tuple(map(sum, zip(ENGINE, STATE, strict=True)))
    share = PROCESSORS / given.cores
    spark = [share * seconds + stays for seconds, stays in zip(ENGINE, STATE, strict=True)]
    yield from (row(name, figures, "bytes") for name, figures in BYTES.items())
    yield row("requests to S3, at most", (S3_A_USER, 0))
    yield row(f"one machine of {PROCESSORS} processors", (both[0], both[1]), "time")
    yield row(f"Spark, {given.cores} cores as fast as these", (spark[0], spark[1]), "time")
    yield row("shuffled on Spark, ids of 10 signs", SHUFFLED, "bytes")
    yield row("users to send", (0, 1))
    each = 1 / limits.records
    yield row("requests to Braze", (0, each))
    rates = [(window.requests, window.seconds) for window in limits.windows]
    for requests, seconds in [*rates, *([(given.hourly, 3600)] if given.hourly else [])]:
        yield row(f"  at {requests:,} in {seconds:,} s", (0, each * seconds / requests), "time")
    for payload, (body, points, seconds) in PAYLOADS.items():
        yield row(f"{payload}: bytes to Braze", (0, body), "bytes")
        yield row(f"{payload}: data points", (0, points))
        yield row(f"{payload}: processor's time to send", (0, each * seconds), "time")


def _kept(given: argparse.Namespace) -> Rows:
    kept = Retention()
    a_day = {name: given.users * _at(figures, given.changed) for name, figures in BYTES.items()}
    sizes = {
        f"stages, {kept.stages.days} days": kept.stages.days * sum(a_day[name] for name in _STAGES),
        f"decorated records, {kept.partitions.days} days": kept.partitions.days * a_day["decorated records"],
        f"receipts, {kept.receipts.days} days": kept.receipts.days * a_day["receipts"],
        f"state, {kept.states} times": kept.states * a_day["state"],
    }
    yield from ([name, _bytes(size)] for name, size in {**sizes, "together": sum(sizes.values())}.items())


def _jobs(given: argparse.Namespace) -> Rows:
    users = given.users / given.jobs
    run = RUN_SECONDS + users * (_at(ENGINE, given.changed) + _at(STATE, given.changed))
    ticks = ceil(given.jobs / (LOOKS_A_SECOND * LOOKING))
    around = ticks * max(given.sensor_seconds, LOOKING if ticks > 1 else 0)
    requested = ceil(given.jobs / RUNS_A_TICK) * given.sensor_seconds
    yield ["a run", f"{run:.1f} s"]
    yield [f"all runs, {given.at_once} at once", _time(given.jobs * run / given.at_once)]
    yield ["all runs are requested, where all are new at once, in", _time(requested)]
    yield ["the sensor has looked at all jobs in", _time(around)]
    looks = given.jobs * S3_A_LOOK * 86_400 / around
    yield ["the sensor's requests to S3 a day, half of them listings", f"{looks:,.0f}"]
    runs = given.jobs * (S3_A_RUN + users * S3_A_USER)
    yield ["the runs' requests to S3 a day, at most", f"{runs:,.0f}"]
    yield ["Dagster's history grows a day by", _bytes(given.jobs * HISTORY)]
    yield ["partitions that housekeeping keeps", f"{given.jobs * Retention().partitions.days:,}"]


def share(text: str) -> float:
    """An argument that is a share."""
    with suppress(ValueError):
        if 0 <= (found := float(text)) <= 1:
            return found
    raise argparse.ArgumentTypeError(f"{text!r} is not a share from 0 to 1, such as 0.05")


def _at(figures: tuple[float, float], changed: float) -> float:
    return figures[0] + changed * figures[1]


def _bytes(number: float) -> str:
    return f"{number / 1e9:,.1f} GB"


def _time(seconds: float) -> str:
    return str(timedelta(seconds=ceil(seconds)))


_TEXTS = {"bytes": _bytes, "time": _time, "number": lambda number: f"{ceil(number):,}"}

if __name__ == "__main__":
    main()
