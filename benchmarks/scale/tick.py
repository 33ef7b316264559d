"""A sensor's ticks in this process, as Dagster's daemon asks for them: first until nothing is new, then those that are timed."""

from __future__ import annotations

import json
import sys
import time
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import dagster as dg

from benchmarks.scale.history import Past
from personalize_connectors.definitions import defs
from personalize_connectors.sensors import NAME


def main() -> None:
    """`FOLDER JOBS RUNS`; prints seconds of a tick that finds nothing new, and of one that finds 20 new batch outputs."""
    past, runs = Past(Path(sys.argv[1]), int(sys.argv[2])), int(sys.argv[3])
    sensor, repository = defs.resolve_sensor_def(NAME), defs.get_repository_def()
    cursor: str | None = None

    def tick(instance: dg.DagsterInstance) -> tuple[float, int]:
        nonlocal cursor
        started = time.perf_counter()
        with (
            redirect_stderr(StringIO()),  # a tick tells what it requests
            dg.build_sensor_context(
                instance_ref=instance.get_ref(),
                cursor=cursor,
                repository_def=repository,
                resources=defs.resources or {},
            ) as context,
        ):
            data = sensor.evaluate_tick(context)
        cursor = data.cursor
        return time.perf_counter() - started, len(data.run_requests or [])

    with dg.DagsterInstance.get() as instance:
        while tick(instance)[1]:
            pass
        nothing, _ = tick(instance)
        for job in range(20):
            past.put_output(past.run(job, runs))
        new, requested = tick(instance)
    print(json.dumps({"nothing_new": nothing, "new": new, "requested": requested}))


if __name__ == "__main__":
    main()
