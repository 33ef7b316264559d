"""What the platform costs with many past runs, and how that grows: `CONNECTORS_PARTITIONS=list`, SQLite, a local bucket.

    python -m benchmarks.scale [--jobs 200] [--runs 5000 20000 50000]

Timed are a tick of the sensor (its evaluation), `personalize-connectors jobs` and `run` (whole processes), the partitions page's query
in a webserver, and a launch by the webserver, up to where the run is queued: the least of three, but of the tick with new outputs.
The page is asked for when Dagster's file is not in memory (Linux is told to drop it), when a partition is new, for which Dagster
works out the status of all of them again, and when nothing is new. In the end each figure is held against what it shows: of the page
that are all past runs, of the others the jobs and their last runs, of which there are as many at every size.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.delivery.figures import table
from benchmarks.scale.history import Past, begin, grow, quietly
from benchmarks.scale.webserver import LAUNCH, PARTITIONS, ask, launch_params, webserver
from personalize_connectors.demo.run import emulator

_CHECKOUT = Path(__file__).parents[2]
_PAGE = {"assetKey": {"path": ["decorated_recommendations"]}}
_PARTITIONS = "partitions page"
_TIMES = 3
_NOISE = 1.5  # what equal work differs by on a machine that others use


def measure(past: Past, runs: int) -> dict[str, float]:
    """Seconds of everything, where each job has so many past runs."""
    environment = _environment(past)
    ticks = ["benchmarks.scale.tick", str(past.folder), str(past.jobs), str(runs)]
    tick = json.loads(quietly(ticks, past.folder, environment).splitlines()[-1])
    figures = {
        "sensor: a tick, nothing new": tick["nothing_new"],
        f"sensor: a tick, {tick['requested']} new outputs": tick["new"],
        "personalize-connectors jobs": _least(lambda: _command(past, environment, "jobs")),
        "personalize-connectors run, one user": _least(
            lambda: _command(past, environment, "run", str(past.run(0, 0).job))
        ),
    }
    with webserver(past.folder, environment) as url:
        return (
            figures
            | _pages(past, url, runs)
            | {"launch by the webserver": _least(lambda: _launch(past, url))}
        )


def _least(timed: Callable[[], float]) -> float:
    return min(timed() for _ in range(_TIMES))


def _pages(past: Past, url: str, runs: int) -> dict[str, float]:
    """Seconds of the partitions page, which must show all past runs."""

    def page(*before: Callable[[], None]) -> float:
        for each in before:
            each()
        answer, seconds = ask(url, PARTITIONS, _PAGE)
        shown = answer["assetNodeOrError"]["assetPartitionStatuses"]["materializedPartitions"]
        if len(shown) < past.jobs * runs:
            raise RuntimeError(f"the page shows {len(shown):,} of {past.jobs * runs:,} past runs")
        return seconds

    page()
    return {
        f"{_PARTITIONS}, file not in memory": _least(
            lambda: page(past.forget_statuses, past.drop_from_memory)
        ),
        f"{_PARTITIONS}, a partition is new": _least(lambda: page(past.forget_statuses)),
        f"{_PARTITIONS}, nothing new": _least(page),
    }


def _launch(past: Past, url: str) -> float:
    launched, seconds = ask(url, LAUNCH, launch_params(past.run(1, 0).key))
    if "run" not in launched["launchPipelineExecution"]:
        raise RuntimeError(str(launched))
    return seconds


def _environment(past: Past) -> dict[str, str]:
    path = os.pathsep.join([str(_CHECKOUT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return {**os.environ, **past.environment, "PYTHONPATH": path}


def _command(past: Past, environment: dict[str, str], *words: str) -> float:
    started = time.perf_counter()
    quietly(["personalize_connectors.cli", *words], past.folder, environment)
    return time.perf_counter() - started


def show(console: Console, jobs: int, sizes: Sequence[int], found: Sequence[dict[str, float]]) -> None:
    """Seconds at each size, and how often the first size's they are."""
    columns = ["seconds with so many past runs"]
    for size in sizes:
        columns += [f"{size:,}", f"x {size / sizes[0]:.0f}"] if size != sizes[0] else [f"{size:,}"]
    rows = []
    for name, first in found[0].items():
        row = [name, f"{first:.2f}"]
        for figures in found[1:]:
            row += [f"{figures[name]:.2f}", f"x {figures[name] / first:.1f}"]
        rows.append(row)
    console.print(table(f"{jobs} jobs, partitions as a list", columns, rows))
    console.print(f"More than {_NOISE} times what it shows is told as growing faster:")
    for name in found[0]:
        console.print(verdict(name, found[-1][name] / found[0][name], sizes[-1] / sizes[0]))


def verdict(name: str, growth: float, runs: float) -> str:
    """Whether a figure grows faster than what it shows, where there are so many times the past runs."""
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
    found, before = [], 0
    with tempfile.TemporaryDirectory(prefix="personalize-connectors-bench-") as folder, emulator():
        past = Past(Path(folder), given.jobs)
        begin(past, _environment(past))
        with Console(stderr=True).status("past runs") as status:
            for size in given.runs:
                runs = size // given.jobs
                status.update(f"{size:,} past runs: made")
                grow(past, before, runs)
                status.update(f"{size:,} past runs: measured")
                found.append(measure(past, runs))
                before = runs
    show(Console(width=None if os.isatty(1) else 150), given.jobs, given.runs, found)


if __name__ == "__main__":
    main()
