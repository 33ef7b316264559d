"""A sensor's ticks in this process, as Dagster's daemon asks for them: first until nothing is new, then those that are timed."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from itertools import count
from pathlib import Path

import dagster as dg

from benchmarks.scale.cost import cost
from benchmarks.scale.history import Past
from benchmarks.ticks import ticking


def main() -> None:
    """`FOLDER JOBS FIRST NEW NOTHING`: prints the costs of so many ticks that find outputs of 20 jobs, from FIRST + 1 on, or nothing."""
    past = Past(Path(sys.argv[1]), int(sys.argv[2]))
    first, new, nothing = map(int, sys.argv[3:])
    jobs, numbers = range(min(past.jobs, 20)), count(first)
    evaluate, cursor = ticking(), past.folder / "cursor"

    with dg.DagsterInstance.get() as instance:

        def tick() -> int:
            data, _ = evaluate(instance, cursor.read_text() if cursor.exists() else None)
            cursor.write_text(data.cursor or "")
            return len(data.run_requests or [])

        def settle() -> None:
            while tick():
                pass

        def land() -> None:
            settle()
            number = next(numbers)
            for job in jobs:
                past.put_output(past.run(job, number))

        land()  # what the first tick of a process does once is not timed
        settle()
        costs = {
            "nothing new": cost(tick, time.process_time, nothing),
            f"{len(jobs)} new outputs": cost(tick, time.process_time, new, land),
        }
    print(json.dumps({name: asdict(found) for name, found in costs.items()}))


if __name__ == "__main__":
    main()
