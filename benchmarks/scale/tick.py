"""A sensor's ticks in this process, as Dagster's daemon asks for them: first until nothing is new, then those that are timed."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import dagster as dg

from benchmarks.scale.cost import cost
from benchmarks.scale.history import Past
from benchmarks.ticks import ticking


def main() -> None:
    """`FOLDER JOBS NUMBER`; prints the costs of a tick that finds nothing new, and of one that finds output NUMBER of 20 jobs."""
    past, number = Past(Path(sys.argv[1]), int(sys.argv[2])), int(sys.argv[3])
    evaluate, cursor = ticking(), past.folder / "cursor"

    with dg.DagsterInstance.get() as instance:

        def tick() -> int:
            data, _ = evaluate(instance, cursor.read_text() if cursor.exists() else None)
            cursor.write_text(data.cursor or "")
            return len(data.run_requests or [])

        while tick():
            pass
        nothing = cost(tick, time.process_time)
        jobs = range(min(past.jobs, 20))
        for job in jobs:
            past.put_output(past.run(job, number))
        new = cost(tick, time.process_time)
    print(json.dumps({"nothing new": asdict(nothing), f"{len(jobs)} new outputs": asdict(new)}))


if __name__ == "__main__":
    main()
