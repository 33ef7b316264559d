"""What the platform costs with many past runs, and how that grows: `CONNECTORS_PARTITIONS=list`, SQLite, a local bucket.

    python -m benchmarks.scale [--jobs 200] [--runs 5000 20000 50000] [--rounds 4]

Timed are a tick of the sensor (its evaluation), `personalize-connectors jobs` and `run` (whole processes), the partitions page's query
in a webserver, and a launch by the webserver, up to where the run is queued. There is an installation of each size, they are measured
in turns, and of all rounds the least counts, so that what else the machine does meets all sizes alike. What is short is done several
times in a round, and all but the page from the disk is done once before it is timed. The page is asked for when Dagster's file is not
in memory (Linux is told to drop it), when a partition is new, for which Dagster works out the status of all of them again, and when
nothing is new. In the end each figure is held against what it shows: of the page that are all past runs, of the others the jobs and
their last runs, of which there are as many at every size.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.command import arguments, count, run, say
from benchmarks.delivery.figures import table
from benchmarks.scale.cost import Cost, cost, least
from benchmarks.scale.history import Past, begin, grow, quietly
from benchmarks.scale.webserver import LAUNCH, PARTITIONS, Webserver, launch_params, webserver
from personalize_connectors.demo.run import emulator

_CHECKOUT = Path(__file__).parents[2]
_PAGE = {"assetKey": {"path": ["decorated_recommendations"]}}
_PARTITIONS, _FROM_DISK = "partitions page", "partitions page, file not in memory"
_OFTEN, _SOME = 10, 3  # how often in a round, what is short and what is not
_NOISE = 1.5  # what equal work differs by on a machine that others use


def measure(past: Past, runs: int, again: int) -> dict[str, Cost]:
    """The costs of everything, where each job has so many past runs and this was done so often before."""
    environment = _environment(past)
    # Each look at new outputs, and one before they are timed, needs outputs of its own.
    first = runs + again * (_SOME + 1)
    ticks = ["benchmarks.scale.tick", str(past.folder), *map(str, (past.jobs, first, _SOME, _OFTEN))]
    ticked = json.loads(quietly(ticks, past.folder, environment).splitlines()[-1])

    def command(*words: str) -> Cost:
        call = ["personalize_connectors.cli", *words]
        quietly(call, past.folder, environment)
        return cost(lambda: quietly(call, past.folder, environment), _processor_of_commands)

    figures = {f"sensor: a tick, {name}": Cost(**found) for name, found in ticked.items()} | {
        "personalize-connectors jobs": command("jobs"),
        "personalize-connectors run, one user": command("run", str(past.run(0, 0).job)),
    }
    with webserver(past.folder, environment) as server:
        figures |= _pages(past, server, runs)
        _launch(past, server)  # the code server's first
        launch = cost(lambda: _launch(past, server), server.processor, _OFTEN)
        return figures | {"launch by the webserver": launch}


def _processor_of_commands() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _pages(past: Past, server: Webserver, runs: int) -> dict[str, Cost]:
    """The costs of the partitions page, which must show all past runs."""

    def page() -> None:
        answer = server.ask(PARTITIONS, _PAGE)
        shown = answer["assetNodeOrError"]["assetPartitionStatuses"]["materializedPartitions"]
        if len(shown) < past.jobs * runs:
            raise RuntimeError(f"the page shows {len(shown):,} of {past.jobs * runs:,} past runs")

    def from_disk() -> None:
        past.forget_statuses()
        past.drop_from_memory()

    page()
    return {
        _FROM_DISK: cost(page, server.processor, before=from_disk),
        f"{_PARTITIONS}, a partition is new": cost(page, server.processor, _SOME, past.forget_statuses),
        f"{_PARTITIONS}, nothing new": cost(page, server.processor, _OFTEN),
    }


def _launch(past: Past, server: Webserver) -> None:
    launched = server.ask(LAUNCH, launch_params(past.run(1, 0).key))
    if "run" not in launched["launchPipelineExecution"]:
        raise RuntimeError(str(launched))


def _environment(past: Past) -> dict[str, str]:
    path = os.pathsep.join([str(_CHECKOUT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return {**os.environ, **past.environment, "PYTHONPATH": path}


def show(console: Console, jobs: int, sizes: Sequence[int], found: Sequence[dict[str, Cost]]) -> None:
    """Seconds at each size, and whether a figure grows faster than what it shows."""
    rows = [[name, *(str(figures[name]) for figures in found)] for name in found[0]]
    title = f"{jobs} jobs, partitions as a list: seconds by the clock (of a processor)"
    console.print(table(title, ["past runs", *(f"{size:,}" for size in sizes)], rows))
    if len(sizes) == 1:
        console.print("One size shows no growth: give --runs several.")
        return
    console.print(
        f"Growth of the processor's time, from the disk of the clock's; more than {_NOISE} times what is shown is faster:"
    )
    for name, first in found[0].items():
        console.print(verdict(name, first, found[-1][name], sizes[-1] / sizes[0]))


def verdict(name: str, first: Cost, last: Cost, runs: float) -> str:
    """Whether a figure grows faster than what it shows, where there are so many times the past runs."""
    growth = last.clock / first.clock if name == _FROM_DISK else last.processor / first.processor
    shown = runs if name.startswith(_PARTITIONS) else 1
    word = "holds" if growth <= shown * _NOISE else "grows faster"
    return f"{word:<13} {name}: x {growth:.1f} for x {shown:.0f} of what it shows"


def compare(given: argparse.Namespace) -> None:
    """Make an installation of each size, measure them in turns, and show what was found."""
    jobs = given.jobs
    of_each = sorted({max(size // jobs, 1) for size in given.runs})  # past runs of each job
    sizes = [(Past(Path(tempfile.gettempdir(), str(runs)), jobs), runs) for runs in of_each]
    rounds: list[list[dict[str, Cost]]] = []
    with emulator():
        for past, runs in sizes:
            say(f"{jobs * runs:,} past runs of {jobs} jobs are made")
            begin(past, _environment(past))
            grow(past, 0, runs)
        for again in range(given.rounds):
            rounds.append([])
            for past, runs in sizes:
                say(f"round {again + 1} of {given.rounds}: {jobs * runs:,} past runs")
                rounds[-1].append(measure(past, runs, again))
    found = [
        {name: least([each[name] for each in size]) for name in size[0]} for size in zip(*rounds, strict=True)
    ]
    show(Console(width=None if os.isatty(1) else 150), jobs, [jobs * runs for runs in of_each], found)


def main() -> None:
    """The command."""
    parser = arguments("benchmarks.scale", __doc__)
    parser.add_argument("--jobs", type=count, default=200)
    parser.add_argument(
        "--runs", type=count, nargs="+", default=[5_000, 20_000, 50_000], help="past runs, of all jobs"
    )
    parser.add_argument("--rounds", type=count, default=4)
    run(parser, compare)


if __name__ == "__main__":
    main()
