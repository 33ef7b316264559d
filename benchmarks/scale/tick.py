"""A sensor's ticks in this process, as Dagster's daemon asks for them: first until nothing is new, then those that are timed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import dagster as dg

from benchmarks.scale.history import Past
from benchmarks.ticks import ticking


def main() -> None:
    """`FOLDER JOBS RUNS`; prints seconds of a tick that finds nothing new (the least of three), and of one that finds 20 new batch outputs."""
    past, runs = Past(Path(sys.argv[1]), int(sys.argv[2])), int(sys.argv[3])
    evaluate, cursor = ticking(), None

    def tick(instance: dg.DagsterInstance) -> tuple[float, int]:
        nonlocal cursor
        data, seconds = evaluate(instance, cursor)
        cursor = data.cursor
        return seconds, len(data.run_requests or [])

    with dg.DagsterInstance.get() as instance:
        while tick(instance)[1]:
            pass
        nothing = min(tick(instance)[0] for _ in range(3))
        for job in range(20):
            past.put_output(past.run(job, runs))
        new, requested = tick(instance)
    print(json.dumps({"nothing_new": nothing, "new": new, "requested": requested}))


if __name__ == "__main__":
    main()
