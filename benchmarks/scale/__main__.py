"""What the platform costs with many past runs, and how that grows: `CONNECTORS_PARTITIONS=list`, SQLite, a local bucket.

    python -m benchmarks.scale [--jobs 200] [--runs 5000 20000 50000]

Timed are a tick of the sensor (its evaluation), `personalize-connectors jobs` and `run` (whole processes), the partitions page's query
in a webserver, and a launch by the webserver, up to where the run is queued. There is an installation of each size, they are measured
in turns, and of three rounds the least counts, so that what else the machine does meets all sizes alike. The page is asked for when
Dagster's file is not in memory (Linux is told to drop it), when a partition is new, for which Dagster works out the status of all of
them again, and when nothing is new. In the end each figure is held against what it shows: of the page that are all past runs, of the
others the jobs and their last runs, of which there are as many at every size.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.delivery.figures import table
from benchmarks.scale.cost import Cost, cost, least
from benchmarks.scale.history import Past, begin, grow, quietly
from benchmarks.scale.webserver import LAUNCH, PARTITIONS, Webserver, launch_params, webserver
from personalize_connectors.demo.run import emulator

_CHECKOUT = Path(__file__).parents[2]
_PAGE = {"assetKey": {"path": ["decorated_recommendations"]}}
_PARTITIONS, _FROM_DISK = "partitions page", "partitions page, file not in memory"
_ROUNDS = 3
_NOISE = 1.5  # what equal work differs by on a machine that others use


def measure(past: Past, runs: int, again: int) -> dict[str, Cost]:
    """The costs of everything, where each job has so many past runs and this was done so often before."""
    environment = _environment(past)
    ticks = ["benchmarks.scale.tick", str(past.folder), str(past.jobs), str(runs + again)]
    ticked = json.loads(quietly(ticks, past.folder, environment).splitlines()[-1])

    def command(*words: str) -> Cost:
        run = ["personalize_connectors.cli", *words]
        return cost(lambda: quietly(run, past.folder, environment), _processor_of_commands)

    figures = {f"sensor: a tick, {name}": Cost(**found) for name, found in ticked.items()} | {
        "personalize-connectors jobs": command("jobs"),
        "personalize-connectors run, one user": command("run", str(past.run(0, 0).job)),
    }
    with webserver(past.folder, environment) as server:
        figures |= _pages(past, server, runs)
        _launch(past, server)  # the code server's first
        return figures | {"launch by the webserver": cost(lambda: _launch(past, server), server.processor)}


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

    def after(*before: Callable[[], None]) -> Cost:
        for each in before:
            each()
        return cost(page, server.processor)

    page()
    return {
        _FROM_DISK: after(past.forget_statuses, past.drop_from_memory),
        f"{_PARTITIONS}, a partition is new": after(past.forget_statuses),
        f"{_PARTITIONS}, nothing new": after(),
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


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument(
        "--runs", type=int, nargs="+", default=[5_000, 20_000, 50_000], help="past runs, of all jobs"
    )
    given = parser.parse_args()
    rounds: list[list[dict[str, Cost]]] = []
    with (
        tempfile.TemporaryDirectory(prefix="personalize-connectors-bench-") as folder,
        emulator(),
        Console(stderr=True).status("past runs") as status,
    ):
        sizes = [(Past(Path(folder, str(size)), given.jobs), size // given.jobs) for size in given.runs]
        for past, runs in sizes:
            status.update(f"{past.jobs * runs:,} past runs: made")
            begin(past, _environment(past))
            grow(past, 0, runs)
        for again in range(_ROUNDS):
            status.update(f"round {again + 1}")
            rounds.append([measure(past, runs, again) for past, runs in sizes])
    found = [
        {name: least([each[name] for each in size]) for name in size[0]} for size in zip(*rounds, strict=True)
    ]
    show(Console(width=None if os.isatty(1) else 150), given.jobs, given.runs, found)


if __name__ == "__main__":
    main()
